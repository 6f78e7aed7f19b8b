"""A panel API endpoint for shops and bots, in front of the panels."""
