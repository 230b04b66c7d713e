"""Numbers in: one source per file and the scrape loop."""
