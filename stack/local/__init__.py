"""The concert stack as local processes."""
