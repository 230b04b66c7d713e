"""Looks that are taken once, when something is wrong: what a database, a Redis says of the moment."""
