"""Values that several parts of the store return and take."""

from collections.abc import Sequence

from msgspec import Struct

from tracker.core.polling.panel_health import PanelState
from tracker.core.polling.refused_words import Refused
from tracker.core.status import RefillStatus
from tracker.db.database import DbRow

WORDS_MAX = 500  # characters of a panel's own words that are kept


class Claim(Struct, frozen=True):
    """The promise to make one call to a panel: counted against its budget and written before the call.

    kind: status, recheck, refill_status, balance or services. lease: the next_poll_at that the claimed rows got; the
    rows are found again by it. rows: what the call needs of them. untracked: ids in the call that have no row.
    """

    run_id: int
    panel: PanelState
    kind: str
    started_at: float
    lease: float
    rows: Sequence[DbRow] = ()
    untracked: Sequence[str] = ()


class NoCall(Struct, frozen=True):
    """There is no call to make now.

    why: nothing due, budget spent, paused, waiting, SET_ASIDE, KIND_ASIDE, not tracked, unknown panel, or the limit
        that a client has met.
    again_s: after how many seconds it is worth asking again; None: that is not known.
    """

    why: str
    again_s: float | None = None


SET_ASIDE = "set aside"  # these ids: the answers about them cannot be read
KIND_ASIDE = "this kind of call is set aside"


class Answered(Struct, frozen=True):
    """How many ids a call asked about, and what became of them, for poll_runs.

    words: in what everything was refused lately; None where something was answered.
    """

    asked: int
    answered: int
    refused: int = 0
    absent: int = 0
    words: Refused | None = None


class NewRefill(Struct, frozen=True):
    """A refill that is handed over. baseline: the first answer fires no event."""

    panel: str
    remote_id: str
    baseline: bool
    order_remote_id: str | None = None
    status: RefillStatus | None = None
