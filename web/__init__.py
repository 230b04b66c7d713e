"""The console, the HTTP APIs and the live event stream."""
