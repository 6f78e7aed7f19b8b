"""Draws a snapshot as a screen. Pure: the same snapshot and size give the same screen.

Colours are the terminal's own sixteen, so that they suit light and dark backgrounds. They never carry a fact alone:
without them (NO_COLOR) the words and glyphs still say everything.
"""

from collections.abc import Mapping
from typing import NamedTuple

from rich.console import Group
from rich.layout import Layout
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from tracker.demo import words
from tracker.demo.meters import meter, stacked
from tracker.demo.snapshot import DemoSnapshot, HookSeen, OrderSeen, PanelSeen

WIDE = 108  # a terminal with this many columns shows all facts of an order
TALL = 30  # a terminal with this many lines gets blank lines between the parts
ORDERS, ORDERS_WIDE = 45, 72  # columns for the orders; the hooks get the rest
HOOKS = 35  # columns of a hook without its note
NOTE_MIN = 12
FRESH_S = 1.5  # how long a new status is highlighted


class StatusStyle(NamedTuple):
    """How a status is shown: its name, its style, and its glyph in the bar."""

    name: str
    style: str
    glyph: str


# In the order of the stacked bar: finished orders first, new ones last.
STATUS_STYLES: Mapping[str | None, StatusStyle] = {
    "completed": StatusStyle("completed", "green", "█"),
    "partial": StatusStyle("partial", "magenta", "▓"),
    "canceled": StatusStyle("canceled", "red", "▓"),
    "in_progress": StatusStyle("in progress", "cyan", "▒"),
    "unknown": StatusStyle("unknown", "bold red", "?"),
    "processing": StatusStyle("processing", "blue", "░"),
    "pending": StatusStyle("pending", "default", "░"),
    None: StatusStyle("new", "dim", "·"),
}
EVENT_STYLES: Mapping[str, str] = {
    "order.completed": "green",
    "order.partial": "magenta",
    "order.canceled": "red",
    "order.refunded": "magenta",
    "order.started": "cyan",
    "order.unknown_status": "bold red",
    "order.reopened": "bold",
    "panel.down": "bold red",
    "panel.recovered": "bold green",
    "balance.low": "bold red",
    "balance.recovered": "bold green",
    "refill.tracked": "blue",
    "refill.completed": "green",
}


def screen(snapshot: DemoSnapshot, width: int, height: int) -> Layout:
    """Draws the screen in exactly `width` columns and `height` lines."""
    blank = 1 if height >= TALL else 0
    head, bars, foot = 1 + len(snapshot.panels) + blank, 2 + blank, 3
    left = ORDERS_WIDE if width >= WIDE else ORDERS
    room = max(1, height - head - bars - foot - 1)  # a line for the headings
    layout = Layout()
    layout.split_column(
        Layout(_head(snapshot, width), size=head),
        Layout(_bars(snapshot, width), size=bars),
        Layout(name="body"),
        Layout(_foot(snapshot), size=foot),
    )
    layout["body"].split_row(
        Layout(Padding(_titled("Orders", _orders(snapshot, room, wide=width >= WIDE)), (0, 1, 0, 0)), size=left),
        Layout(_titled("Hooks at the receiver", _hooks(snapshot, room, note=width - left - HOOKS >= NOTE_MIN))),
    )
    return layout


def chosen(orders: tuple[OrderSeen, ...], room: int) -> list[OrderSeen]:
    """Chooses `room` orders to show: the open ones, then those that ended last. Their order does not change."""
    urgent = sorted(orders, key=lambda order: (order.final, order.changed_s if order.changed_s is not None else 0.0))
    shown = {(order.panel, order.id) for order in urgent[:room]}
    return [order for order in orders if (order.panel, order.id) in shown]


def _head(snapshot: DemoSnapshot, width: int) -> Group:
    panels = Table.grid(padding=(0, 2, 0, 0), expand=True)
    panels.add_column(no_wrap=True)
    panels.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    panels.add_column(no_wrap=True)
    panels.add_column(no_wrap=True, justify="right")
    for panel in snapshot.panels:
        panels.add_row(*_panel(panel, width))
    return Group(_title(snapshot, width), panels)


def _title(snapshot: DemoSnapshot, width: int) -> Table:
    left_s = snapshot.total_s - snapshot.at_s
    hours, minutes = divmod(int(snapshot.minute), 60)
    clock = Text.assemble(
        (f"{hours}:{minutes:02} h simulated, {snapshot.speed:.0f}-fold speed  ", "dim"),
        meter(snapshot.at_s / snapshot.total_s, width // 6, "default"),
        f" {left_s:3.0f} s left" if left_s > 0 else "  finishing",
    )
    row = Table.grid(expand=True)
    row.add_column()
    row.add_column(justify="right")
    row.add_row(Text("tracker demo", "bold"), clock)
    return row


def _panel(panel: PanelSeen, width: int) -> list[Text]:
    mark = ("✖ ", "bold red") if panel.trouble else ("● ", "green")
    calls = meter(panel.calls / panel.limit, width // 10 - 4, "default")
    return [
        Text.assemble(mark, (panel.name, "bold")),
        _state(panel),
        Text.assemble("calls ", calls, f" {panel.calls:3}/{panel.limit} a min"),
        _balance(panel),
    ]


def _state(panel: PanelSeen) -> Text:
    if not panel.trouble:
        return Text(f"answers, {panel.orders} orders", "default")
    return Text(f"down {panel.down_s:.0f} s, retry in {panel.next_call_s:.0f} s", "bold red")


def _balance(panel: PanelSeen) -> Text:
    if panel.balance is None:
        return Text("")
    amount = f"{panel.balance:.2f} {panel.currency}"
    return Text(f"▼ low: {amount}", "bold red") if panel.low else Text(f"balance {amount}")


def _bars(snapshot: DemoSnapshot, width: int) -> Group:
    counts = {status: sum(order.status == status for order in snapshot.orders) for status in STATUS_STYLES}
    parts = [(counts[status], look.glyph, look.style) for status, look in STATUS_STYLES.items()]
    legend = Text(no_wrap=True, overflow="ellipsis")
    for status, look in STATUS_STYLES.items():
        if counts[status]:
            legend.append_text(Text.assemble((f"{look.glyph} ", look.style), f"{look.name} {counts[status]}  "))
    return Group(stacked(parts, snapshot.expected, width), legend)


def _orders(snapshot: DemoSnapshot, room: int, *, wide: bool) -> Table:
    rows = Table.grid(padding=(0, 1, 0, 0), expand=True)
    for size in (5, 6, None, 11, 8, 9, 8) if wide else (5, None, 11, 7):
        rows.add_column(width=size, no_wrap=True, overflow="ellipsis", ratio=1 if size is None else None)
    for order in chosen(snapshot.orders, room):
        id_, service, status, bar = _order(order, 8 if wide else 7)
        if wide:
            rows.add_row(id_, Text(order.panel, "dim"), service, status, bar, *_times(order))
        else:
            rows.add_row(id_, service, status, bar)
    return rows


def _order(order: OrderSeen, bar_width: int) -> tuple[Text, Text, Text, Text]:
    look = STATUS_STYLES.get(order.status) or STATUS_STYLES["unknown"]
    fresh = order.changed_s is not None and order.changed_s < FRESH_S
    faded = "dim" if order.final else "default"
    return (
        Text(order.id, faded),
        Text(order.service, faded),
        Text(look.name, f"{look.style} reverse" if fresh else look.style),
        meter(order.done or 0.0, bar_width, look.style),
    )


def _times(order: OrderSeen) -> tuple[Text, Text]:
    """What is left to deliver, and how long ago the order changed."""
    left = f"{order.remains} left" if order.remains else ""
    age = "" if order.changed_s is None else f"{order.changed_s:.0f} s ago"
    return Text(left, "dim", justify="right"), Text(age, "dim", justify="right")


def _hooks(snapshot: DemoSnapshot, room: int, *, note: bool) -> Table:
    rows = Table.grid(padding=(0, 1, 0, 0), expand=True)
    for size in (5, 1, 20, 6, None) if note else (5, 1, 20, 6):
        rows.add_column(width=size, no_wrap=True, overflow="ellipsis", ratio=1 if size is None else None)
    for hook in reversed(snapshot.hooks[-room:]):
        rows.add_row(*_hook(hook), *([Text(words.note(hook), "dim")] if note else []))
    return rows


def _hook(hook: HookSeen) -> tuple[Text, Text, Text, Text]:
    style = EVENT_STYLES.get(hook.type, "default") if hook.accepted else "red"
    mark = ("✖", "bold red") if not hook.accepted else ("↻", "bold green") if hook.attempt > 1 else ("✔", "green")
    minutes, seconds = divmod(int(hook.at_s), 60)
    at = Text(f"{minutes}:{seconds:02}", "dim", justify="right")
    return at, Text(*mark), Text(hook.type, style), Text(hook.subject)


def _foot(snapshot: DemoSnapshot) -> Group:
    delivered = sum(hook.accepted for hook in snapshot.hooks)
    counts = f"{snapshot.moves} status changes recorded, {delivered} hooks delivered, {snapshot.waiting} on their way"
    return Group(
        Rule(Text(counts, "dim"), style="dim", align="right"),
        Text(words.sentence(snapshot), "bold"),
    )


def _titled(title: str, rows: Table) -> Group:
    return Group(Rule(Text(title, "bold"), style="dim", align="left"), rows)
