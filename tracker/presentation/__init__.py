"""How values are shown, in terminal, page and file alike."""
