"""config.yaml into frozen values."""
