"""Documents whose numbers are stored queries."""
