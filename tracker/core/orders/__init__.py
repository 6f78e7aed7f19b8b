"""Decides what an answer changes about an order or a refill, and what people may change."""
