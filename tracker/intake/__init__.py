"""How order ids come in, and how they are erased."""
