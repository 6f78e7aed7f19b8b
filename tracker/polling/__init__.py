"""Asking a panel and recording what it answers."""
