"""The life of `tracker run`."""
