"""The HTTP API of Prometheus over the embedded store: Grafana and promtool can ask here as they ask there."""
