"""The store's files: what makes samples outlive the process."""
