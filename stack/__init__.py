"""The concert stack that is watched; it knows nothing of Showcall."""
