"""What the user has configured, as the decisions of the core take it.

`config` builds these values, and `config.schema` holds their defaults: none stands here. Durations are seconds.
"""

from collections.abc import Mapping
from decimal import Decimal

from msgspec import Struct

from tracker.core.model import Severity
from tracker.core.status import OrderStatus
from tracker.core.wire import Meaning

# 100 is the API's own ceiling for `orders`; some panels cut longer lists silently.
BATCH_MAX = 100


class ChildLimits(Struct, frozen=True):
    """How many orders that a panel lists under other orders are tracked: under each, and in any 24 hours."""

    per_order: int
    per_day: int


class PollRules(Struct, frozen=True, kw_only=True):
    """How often a panel is asked, and when its answers mean trouble.

    add_timeout_s: of a call that changes something, made for a client of the gateway.
    polling_share: the part of the budget that clients of the gateway leave to polling while it has calls to make.
    clients_change: a client of the gateway may order, refill or cancel at this panel.
    status_map, error_map: the panel's own words, folded with `status.fold`, and what they mean.
    """

    poll_every_s: float
    recheck_every_s: float
    recheck_until_s: float
    not_found_polls: int
    not_found_after_s: float
    batch_size: int
    max_requests_per_minute: int
    polling_share: float
    clients_change: bool
    max_concurrency: int
    timeout_s: float
    add_timeout_s: float
    balance_every_s: float
    services_every_s: float
    down_after_s: float
    stuck_after_s: float
    children: ChildLimits
    status_map: Mapping[str, OrderStatus]
    error_map: Mapping[str, Meaning]


class BalanceRules(Struct, frozen=True, kw_only=True):
    """When the balance of a panel raises an alert.

    below: the alert balance.low is raised under this amount; None: never.
    clear_above: and cleared from this amount on; None: from `below` on.
    runway_below_s: the alert balance.runway_low is raised when the balance lasts for less time; None: never.
    """

    below: Decimal | None
    clear_above: Decimal | None
    runway_below_s: float | None
    for_s: float
    repeat_every_s: float


class Where(Struct, frozen=True):
    """Conditions on an event, all of which must hold. `Where()` has none, and every event meets it."""

    service: frozenset[str] = frozenset()
    tag: frozenset[str] = frozenset()
    min_charge: Decimal | None = None


class Digest(Struct, frozen=True):
    """Many events in one message, sent when the oldest has waited `wait_s`, or sooner when there are `max`."""

    wait_s: float
    max: int


class HookRules(Struct, frozen=True, kw_only=True):
    """Which events a hook hears, and how they are delivered.

    panels: None means all of them.
    min_severity: events that matter less are not heard.
    max_age_s: a delivery that is older is dead instead of sent; None: it is sent at any age.
    digest: None means one message for each event.
    """

    name: str
    events: tuple[str, ...]
    panels: frozenset[str] | None
    where: Where
    min_severity: Severity
    timeout_s: float
    max_concurrency: int
    max_per_minute: int
    per_order: bool
    hold_for_s: float
    retry_schedule_s: tuple[float, ...]
    max_age_s: float | None
    digest: Digest | None


class ClientRules(Struct, frozen=True, kw_only=True):
    """What a client of the gateway may do.

    max_spend_per_day: in any 24 hours; None only for a client that may not add orders.
    share: of the calls to a panel that clients may make, how many are its own while another client asks too.
    """

    name: str
    panels: frozenset[str]
    actions: frozenset[str]
    max_spend_per_day: Decimal | None
    max_adds_per_minute: int
    share: float


class GatewayRules(Struct, frozen=True, kw_only=True):
    """How old an answer from the database may be. fresh_s: of a status. cache_s: of services and balance."""

    fresh_s: float
    cache_s: float
