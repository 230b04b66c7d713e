"""Drills: a load and a fault, and what must follow."""
