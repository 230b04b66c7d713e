"""Grafana dashboards as code, how they get there, and the annotations that tell of incidents and actions."""
