"""The load engine: virtual users on uvloop."""
