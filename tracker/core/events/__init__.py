"""Events: what happened, as bytes with an id that never changes."""
