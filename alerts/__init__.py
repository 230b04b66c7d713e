"""Rules into alerts, alerts into incidents, incidents onto the timeline."""
