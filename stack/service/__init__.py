"""The concert service."""
