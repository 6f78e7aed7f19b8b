"""Decides which hooks hear an event, what an attempt means, and when a hook is left alone."""
