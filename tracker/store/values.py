"""The values that several parts of the store hand out and take."""

from collections.abc import Sequence

from msgspec import Struct

from tracker.core.polling.panel_health import PanelState
from tracker.core.status import RefillStatus
from tracker.db.database import DbRow


class Claim(Struct, frozen=True):
    """The promise to make one call to a panel: counted against its budget, written down before it.

    kind: status, recheck, refill_status, balance or services. lease: the next_poll_at the claimed
    rows were pushed to, which is also how they are found again. rows: what the call needs of them.
    untracked: ids the call asks about that have no row.
    """

    run_id: int
    panel: PanelState
    kind: str
    started_at: float
    lease: float
    rows: Sequence[DbRow] = ()
    untracked: Sequence[str] = ()


class Answered(Struct, frozen=True):
    """How a call went, for poll_runs."""

    asked: int
    answered: int
    refused: int = 0
    absent: int = 0


class NewRefill(Struct, frozen=True):
    panel: str
    remote_id: str
    baseline: bool
    order_remote_id: str | None = None
    status: RefillStatus | None = None
