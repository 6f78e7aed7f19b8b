"""Sending events: the dispatcher and the channels."""
