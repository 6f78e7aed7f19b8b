"""What happens in the demo, and when. Minutes are simulated: five hours, however long they really take.

The daemon's own pauses are real: it leaves a panel alone for 5 s after a first failure and for 10 s after a second.
That is why the demo has a shortest length.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from tracker.simulator import OrderLife, RefillLife, Scenario, load_scenario

MINUTES = 300.0
SECONDS = 60.0  # how long the demo takes by default: 300-fold speed
SECONDS_MIN, SECONDS_MAX = 15.0, 3_600.0

OUTAGE = (95.0, 135.0)  # between these minutes the panel main answers 503
RECEIVER_FAILURES = (250.0, 3)  # (minute, how many requests the receiver fails from then on)
LIMIT = 240  # requests to each panel in any 60 s
BALANCES = {"main": "120.00", "second": "26.00"}
ALERT = {"second": 'balance_alert = { below = "20.00", clear_above = "40.00" }'}

# The events that must have happened by the end: what the demo promises to show.
PROMISED = (
    "order.tracked", "order.started", "order.completed", "order.partial", "order.canceled", "order.refunded",
    "order.reopened", "order.unknown_status", "refill.tracked", "refill.completed", "balance.low",
    "balance.recovered", "panel.down", "panel.recovered",
)  # fmt: skip


@dataclass(frozen=True)
class OrdersPlaced:
    """The shop has placed these orders and has them tracked. imported: they were placed before the demo began."""

    minute: float
    panel: str
    orders: tuple[OrderLife, ...]
    imported: bool


@dataclass(frozen=True)
class RefillRequested:
    """The shop has requested this refill and has it tracked."""

    minute: float
    panel: str
    refill: RefillLife


@dataclass(frozen=True)
class ReceiverFailures:
    """The receiver answers 500 to the next `count` requests."""

    minute: float
    count: int


StoryStep = OrdersPlaced | RefillRequested | ReceiverFailures


def scenarios() -> dict[str, Scenario]:
    """panel -> its scenario, from the two files that belong to the package."""
    folder = Path(__file__).parent
    return {name: load_scenario(folder / f"{name}.toml") for name in BALANCES}


def steps(panels: Mapping[str, Scenario]) -> list[StoryStep]:
    """What the shop and the receiver do, earliest first."""
    found = [step for name, scenario in panels.items() for step in _of_panel(name, scenario)]
    return sorted([*found, ReceiverFailures(*RECEIVER_FAILURES)], key=lambda step: step.minute)


def _of_panel(name: str, scenario: Scenario) -> Iterator[StoryStep]:
    placed = sorted(scenario.orders, key=lambda order: order.placed_at)
    for minute, wave in groupby(placed, key=lambda order: order.placed_at):
        yield OrdersPlaced(minute, name, tuple(wave), imported=minute == 0)
    for refill in scenario.refills:
        yield RefillRequested(refill.timeline[0][0], name, refill)


def configuration(urls: Mapping[str, str], key: str, hook_url: str, secret: str) -> str:
    """Returns the tracker's configuration file. urls: panel -> address.

    Everything is polled every second; a real panel is polled every few minutes.
    """
    return "\n".join([_COMMON, *(_panel(name, url, key) for name, url in urls.items()), _hook(hook_url, secret)])


_COMMON = """\
# Written by `tracker demo`. The panels in it exist only while the demo runs.
[daemon]
data_dir = "data"

[log]
format = "json"

[web]
listen = ""
"""


def _panel(name: str, url: str, key: str) -> str:
    return f"""\
[panels.{name}]
url = "{url}"
key = "{key}"
poll_every = "1s"
balance_every = "1s"
recheck_finished = {{ every = "1s", until = "1d" }}
max_requests_per_minute = {LIMIT}
timeout = "5s"
down_after = "0s"
{ALERT.get(name, "")}
"""


def _hook(url: str, secret: str) -> str:
    return f"""\
[hooks.receiver]
url = "{url}"
secret = "{secret}"
events = ["*"]
timeout = "5s"
retry_schedule = ["0s", "1s", "2s", "3s", "5s", "5s"]
"""
