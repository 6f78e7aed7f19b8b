"""What happens in the demo, and when. Minutes are simulated: five hours, however long they really take.

The daemon's own waits are real: it leaves a panel alone for 5 s after a first failure and for 10 s after
a second. That is why a demo cannot be as short as one likes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from tracker.simulator import OrderLife, RefillLife, Scenario

MINUTES = 300.0
SECONDS = 60.0  # how long the demo takes unless told otherwise: 300-fold speed
SECONDS_MIN, SECONDS_MAX = 15.0, 3_600.0

OUTAGE = (95.0, 135.0)  # main answers 503 in between
REFUSALS = (250.0, 3)  # from then on the receiver refuses so many hooks
LIMIT = 240  # requests to each panel in any 60 s
BALANCES = {"main": "120.00", "second": "26.00"}
ALERT = {"second": 'balance_alert = { below = "20.00", clear_above = "40.00" }'}

# What has to be told by the end. One that is missing: the demo has not shown what it promises.
PROMISED = (
    "order.tracked", "order.started", "order.completed", "order.partial", "order.canceled", "order.refunded",
    "order.reopened", "order.unknown_status", "refill.tracked", "refill.completed", "balance.low",
    "balance.recovered", "panel.down", "panel.recovered",
)  # fmt: skip


@dataclass(frozen=True)
class Placed:
    """The shop placed these orders and has them tracked. imported: they were placed before the demo began."""

    minute: float
    panel: str
    orders: tuple[OrderLife, ...]
    imported: bool


@dataclass(frozen=True)
class RefillAsked:
    minute: float
    panel: str
    refill: RefillLife


@dataclass(frozen=True)
class Refusals:
    """The receiver answers 500 to the next `count` hooks."""

    minute: float
    count: int


Happening = Placed | RefillAsked | Refusals


def scenarios() -> dict[str, Scenario]:
    """panel -> what it knows: the two files that ship with the package."""
    folder = Path(__file__).parent
    return {name: Scenario.load(folder / f"{name}.toml") for name in BALANCES}


def happenings(panels: Mapping[str, Scenario]) -> list[Happening]:
    """What the shop and the receiver do, in the order of time."""
    found = [happening for name, scenario in panels.items() for happening in _of_panel(name, scenario)]
    return sorted([*found, Refusals(*REFUSALS)], key=lambda happening: happening.minute)


def _of_panel(name: str, scenario: Scenario) -> Iterator[Happening]:
    placed = sorted(scenario.orders, key=lambda order: order.placed_at)
    for minute, wave in groupby(placed, key=lambda order: order.placed_at):
        yield Placed(minute, name, tuple(wave), imported=minute == 0)
    for refill in scenario.refills:
        yield RefillAsked(refill.timeline[0][0], name, refill)


def configuration(urls: Mapping[str, str], key: str, hook_url: str, secret: str) -> str:
    """The tracker's configuration file. urls: panel -> address.

    Everything is asked for as often as the metronome ticks; a real panel is asked every few minutes.
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
