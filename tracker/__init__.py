"""tracker: watches orders at panels that speak the panel API v2."""

__version__ = "0.1.0"
