"""Sends events: the dispatcher and the channels."""
