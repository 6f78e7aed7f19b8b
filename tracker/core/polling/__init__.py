"""Decides when a panel is asked, what about, and what its answers and its silence mean for that."""
