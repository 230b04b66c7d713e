"""Levers, guards, plans, runs and leases."""
