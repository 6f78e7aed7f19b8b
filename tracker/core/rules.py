"""What the user decided, as the pure functions need it. `config` fills these in.

Durations are seconds. Defaults are those of the configuration reference.
"""

from collections.abc import Mapping
from decimal import Decimal

from msgspec import Struct

from tracker.core.status import OrderStatus

# 100 is the API's own ceiling for `orders`; some panels cut longer lists silently.
BATCH_MAX = 100


class PollRules(Struct, frozen=True):
    """How often a panel is asked, and when its answers mean trouble."""

    poll_every_s: float = 300.0
    recheck_every_s: float = 86_400.0
    recheck_until_s: float = 30 * 86_400.0
    not_found_polls: int = 5
    not_found_after_s: float = 86_400.0
    batch_size: int = BATCH_MAX
    max_requests_per_minute: int = 30
    max_concurrency: int = 2
    timeout_s: float = 30.0
    add_timeout_s: float = 120.0  # of a call that changes something, passed on for a client of the gateway
    balance_every_s: float = 600.0
    services_every_s: float = 43_200.0
    down_after_s: float = 600.0
    stuck_after_s: float = 86_400.0
    status_map: Mapping[str, OrderStatus] = {}  # keys folded with status.fold


class BalanceRules(Struct, frozen=True):
    """When a balance is an alert. None: that kind of alert is off."""

    below: Decimal | None = None
    clear_above: Decimal | None = None  # default: `below`
    runway_below_s: float | None = None
    for_s: float = 0.0
    repeat_every_s: float = 43_200.0


class Where(Struct, frozen=True):
    """Further conditions on an event; an empty one holds always. All given ones must hold."""

    service: frozenset[str] = frozenset()
    tag: frozenset[str] = frozenset()
    min_charge: Decimal | None = None


RETRY_SCHEDULE_S: tuple[float, ...] = (
    0.0, 5.0, 30.0, 300.0, 1_800.0, 7_200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0,
)  # fmt: skip

DEFAULT_EVENTS: tuple[str, ...] = (
    "order.completed",
    "order.partial",
    "order.canceled",
    "order.refunded",
    "order.failed",
    "balance.*",
    "panel.auth_failed",
    "hook.disabled",
)


class Digest(Struct, frozen=True):
    """Many events in one message: it goes out when the oldest has waited this long, or sooner with `max` of them."""

    wait_s: float = 30.0
    max: int = 50


class HookRules(Struct, frozen=True):
    """Which events a hook hears and how hard it is tried. panels None: all of them. digest None: one by one."""

    name: str
    events: tuple[str, ...] = DEFAULT_EVENTS
    panels: frozenset[str] | None = None
    where: Where = Where()
    timeout_s: float = 15.0
    max_concurrency: int = 4
    max_per_minute: int = 600
    per_order: bool = True
    hold_for_s: float = 3_600.0
    retry_schedule_s: tuple[float, ...] = RETRY_SCHEDULE_S
    max_age_s: float | None = None
    digest: Digest | None = None


class ClientRules(Struct, frozen=True):
    """What a client of the gateway may do. max_spend_per_day: in any 24 hours; None only for one that may not add."""

    name: str
    panels: frozenset[str]
    actions: frozenset[str]
    max_spend_per_day: Decimal | None = None
    max_adds_per_minute: int = 30


class GatewayRules(Struct, frozen=True):
    """fresh_s: how old a status from the database may be. cache_s: the same of services and balance."""

    fresh_s: float = 60.0
    cache_s: float = 60.0
