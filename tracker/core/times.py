"""How times and durations are written for people and programs."""

from datetime import UTC, datetime


def rfc3339(at: float) -> str:
    """`2026-11-23T02:14:07Z` (RFC 3339, UTC, whole seconds)."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def rfc3339_or_none(at: float | None) -> str | None:
    return None if at is None else rfc3339(at)
