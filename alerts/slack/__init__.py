"""Slack: one message per incident, edited in place, with the timeline in its thread."""
