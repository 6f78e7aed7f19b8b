"""The frozen values that all packages pass around; this page is the glossary.

Order, Refill      what **we believe**. The key is (panel, remote_id), and remote_id is text.
OrderSnapshot …    what a panel **said** at one moment; wire names kept, `said` is its raw word.
Refusal            a panel's error for one id: a value, not an exception.
Transition         one observed move of an order.
Notice             an event about an order that is no move: it is stuck, unanswered, not found, found again.
Event              something worth telling. Its id and its bytes never change.
Change             what one observation leads to: the new row, at most one transition, the events.

Times (`…_at`) are seconds since the Unix epoch, UTC, as float. Durations (`…_s`) are seconds.
Money is Decimal beside its currency; None is "unknown", never zero.
"""

from decimal import Decimal
from enum import IntEnum, StrEnum

from msgspec import Struct

from tracker.core.status import OrderStatus, RefillStatus


class OrderKind(StrEnum):
    """The shape of an order. Only a default one has charge, remains and a quantity."""

    DEFAULT = "default"
    DRIP_FEED = "drip_feed"
    SUBSCRIPTION = "subscription"


class Tracking(StrEnum):
    """How often an order is polled; an unknown word never changes it."""

    ACTIVE = "active"  # every poll_every
    FINISHED = "finished"  # in a final status: seldom, for a while
    PAUSED = "paused"  # by hand, or because its panel left the configuration: never
    NOT_FOUND = "not_found"  # the panel has refused it for long enough: daily


class OrderSnapshot(Struct, frozen=True):
    """One order's entry in a panel's answer. None: the panel did not say, or not readably."""

    remote_id: str
    status: OrderStatus
    said: str
    charge: Decimal | None = None
    start_count: int | None = None
    remains: int | None = None
    currency: str | None = None
    kind: OrderKind = OrderKind.DEFAULT
    children: tuple[str, ...] = ()
    entry: str = ""  # the entry as it came, "" when longer than wire.ENTRY_MAX


class RefillSnapshot(Struct, frozen=True):
    remote_id: str
    status: RefillStatus
    said: str


class Refusal(Struct, frozen=True):
    """The panel's own words for not answering about one id.

    not_found: the words mean "no such order"; only those count towards not_found.
    """

    remote_id: str
    message: str
    not_found: bool


class Balance(Struct, frozen=True):
    amount: Decimal
    currency: str | None


class Service(Struct, frozen=True):
    """One row of a panel's catalogue; `rate` is the price of a thousand."""

    service: str
    name: str
    type: str
    category: str
    rate: Decimal | None
    min: int | None
    max: int | None
    refill: bool
    cancel: bool


class Order(Struct, frozen=True):
    """What we believe about one order.

    known_status: the last status that was not unknown; `status` itself until a strange word comes.
    charge_mark: the highest charge since the order was last (re)opened: refunds are seen against it.
    seq: how many events the order has had; it stands in their bodies. moves: how many transitions, and notices: how
    many events that are none; they go into the ids of events. Being tracked again after a removal counts as a move.
    version: how often its row was rewritten; every write is a swap on it.
    refusals, refused_since, misses: not-found answers in a row; answers that left it out in a row; since when the panel
    has done either.
    entry: the panel's last entry as it came; None while the next answer has to be read whatever it
    says (never answered, a baseline, refused or missed lately).
    """

    id: int
    panel: str
    remote_id: str
    status: OrderStatus | None = None
    known_status: OrderStatus | None = None
    status_raw: str | None = None
    kind: OrderKind = OrderKind.DEFAULT
    tracking: Tracking = Tracking.ACTIVE
    charge: Decimal | None = None
    highest_charge: Decimal | None = None
    charge_mark: Decimal | None = None
    currency: str | None = None
    start_count: int | None = None
    remains: int | None = None
    quantity: int | None = None
    quantity_source: str | None = None  # given | inferred
    service: str | None = None
    ref: str | None = None
    tags: tuple[str, ...] = ()
    parent: str | None = None
    baseline: bool = False
    refund_told: bool = False
    seq: int = 0
    moves: int = 0
    notices: int = 0
    version: int = 0
    refusals: int = 0
    refused_since: float | None = None
    misses: int = 0
    progress_at: int | None = None  # `remains` at the last progress sample
    progress_count: int = 0
    placed_at: float | None = None
    tracked_at: float = 0.0
    last_polled_at: float | None = None
    last_changed_at: float | None = None
    finished_at: float | None = None
    entry: str | None = None
    progressed_at: float | None = None  # when status or remains last changed
    stuck_told: bool = False  # order.stuck was told since then
    forgotten: bool = False  # link, ref and tags were erased; its entry is not kept, since it may hold them
    unanswered_told: bool = False  # order.unanswered was told since its last answer


class Refill(Struct, frozen=True):
    """What we believe about one refill. Its key is (panel, remote_id) too; ids of refills and orders may be equal.

    moves: how many moves of it were told. The other columns are as for orders.
    """

    id: int
    panel: str
    remote_id: str
    order_remote_id: str | None = None
    status: RefillStatus | None = None
    known_status: RefillStatus | None = None
    status_raw: str | None = None
    tracking: Tracking = Tracking.ACTIVE
    baseline: bool = False
    seq: int = 0
    moves: int = 0
    notices: int = 0
    version: int = 0
    refusals: int = 0
    refused_since: float | None = None
    misses: int = 0
    tracked_at: float = 0.0
    last_polled_at: float | None = None
    last_changed_at: float | None = None
    finished_at: float | None = None


class Transition(Struct, frozen=True):
    """One observed move: somewhere after not_before, at the latest at `at`.

    old == new is a change of charge on the same status. seq: the event that told it.
    """

    old: OrderStatus | None
    new: OrderStatus
    said: str
    seq: int
    at: float
    not_before: float | None
    charge: Decimal | None
    old_charge: Decimal | None
    remains: int | None
    regressed: bool
    skipped: tuple[OrderStatus, ...]
    currency: str | None = None


class Severity(IntEnum):
    """How much an event matters. warning: look at it today. critical: money or orders are at risk now."""

    INFO = 0
    WARNING = 1
    CRITICAL = 2

    def __str__(self) -> str:
        return self.name.lower()


class Event(Struct, frozen=True):
    """Something worth telling; `body` is the exact JSON that every receiver gets, on every attempt.

    kind, remote_id: what it is about ("order", "23501"); together with the panel they name the stream,
    within which events are delivered in order. seq: counts the events of the subject.
    service, tags, charge, severity: only for routing by a hook's `where` and `min_severity`.
    """

    id: str
    type: str
    panel: str
    kind: str
    remote_id: str
    seq: int
    at: float
    body: bytes
    service: str | None = None
    tags: tuple[str, ...] = ()
    charge: Decimal | None = None
    severity: Severity = Severity.INFO

    @property
    def stream(self) -> str:
        """Deliveries of one stream reach a hook in order."""
        return f"{self.panel}/{self.kind}/{self.remote_id}"


class Refund(Struct, frozen=True):
    """Money that comes back of an order's charge.

    expected: what should come back, going by what remains. observed: what did, going by the charge.
    basis: charge_drop (something came back), remains, or None where nothing is known.
    """

    expected: Decimal | None
    observed: Decimal | None
    basis: str | None


class Change(Struct, frozen=True):
    """What one answer about one order leads to. `before` is the belief it was computed from.

    refund: set for a move after which money has to come back, or may have to. settled: set for a move after which no
    money has to come back any more.
    """

    before: Order
    after: Order
    transition: Transition | None = None
    events: tuple[Event, ...] = ()
    progress: bool = False  # keep a sample of `remains`
    refund: Refund | None = None
    settled: bool = False


class RefillChange(Struct, frozen=True):
    before: Refill
    after: Refill
    events: tuple[Event, ...] = ()
