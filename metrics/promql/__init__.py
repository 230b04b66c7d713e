"""PromQL: parser and evaluator, pure functions over values."""
