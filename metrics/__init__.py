"""Numbers kept and asked: the series store and the PromQL engine."""
