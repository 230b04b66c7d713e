"""The remote: a server with Prometheus' API that samples are sent to, and that long ranges are read from."""
