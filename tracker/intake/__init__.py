"""Takes order ids in, records them in a journal, and erases orders."""
