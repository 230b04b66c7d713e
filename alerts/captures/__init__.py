"""Quick captures: what the series store knows at the moment."""
