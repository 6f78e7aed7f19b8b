"""Reads a panel's answers into values of `core.model` or a PanelError: no dict leaves this package."""

from tracker.core.wire.action_answers import (
    Receipt,
    read_add,
    read_balance,
    read_cancel,
    read_refill,
    read_refusal,
    read_services,
)
from tracker.core.wire.errors import Meaning, OwnWords, PanelAnswer
from tracker.core.wire.status_answers import (
    ENTRY_MAX,
    RefillReading,
    StatusReading,
    read_refill_status,
    read_status,
)

__all__ = [
    "ENTRY_MAX", "Meaning", "OwnWords", "PanelAnswer", "Receipt", "RefillReading", "StatusReading", "read_add",
    "read_balance", "read_cancel", "read_refill", "read_refill_status", "read_refusal", "read_services", "read_status",
]  # fmt: skip
