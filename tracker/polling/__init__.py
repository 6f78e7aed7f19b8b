"""Asks panels and records what they answer."""
