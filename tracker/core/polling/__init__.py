"""When a panel is asked, and what its answers and its silence mean for that."""
