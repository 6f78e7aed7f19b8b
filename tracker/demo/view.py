"""A scene as a screen. Pure: the same scene and the same size, the same picture.

Colours are the terminal's own sixteen and never the whole message: they have to do on light and dark
backgrounds, and without them (NO_COLOR) the words and the glyphs remain.
"""

from collections.abc import Mapping
from typing import NamedTuple

from rich.layout import Layout
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from tracker.demo import words
from tracker.demo.meters import meter, stacked
from tracker.demo.scene import HookSeen, OrderSeen, PanelSeen, Scene

WIDE = 100  # columns from which there is room for more facts
TALL = 30  # lines from which there is room for air
LEFT_SHARE = 0.54  # of the width, for the orders


class Look(NamedTuple):
    name: str
    style: str
    glyph: str


# In the order of the stacked bar: what is done first, what is to come last.
LOOKS: Mapping[str | None, Look] = {
    "completed": Look("completed", "green", "█"),
    "partial": Look("partial", "magenta", "▓"),
    "canceled": Look("canceled", "red", "▓"),
    "in_progress": Look("in progress", "cyan", "▒"),
    "unknown": Look("unknown", "bold red", "?"),
    "processing": Look("processing", "blue", "░"),
    "pending": Look("pending", "default", "░"),
    None: Look("new", "dim", "·"),
}
FAMILIES: Mapping[str, str] = {
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


def screen(scene: Scene, width: int, height: int) -> Layout:
    """Exactly `width` columns and `height` lines."""
    air = 1 if height >= TALL else 0
    head, bars, foot = 1 + len(scene.panels) + air, 2 + air, 3
    left = int(width * LEFT_SHARE)
    body = height - head - bars - foot - 1  # a line for the headings
    layout = Layout()
    layout.split_column(
        Layout(_head(scene, width), size=head),
        Layout(_bars(scene, width), size=bars),
        Layout(name="body"),
        Layout(_foot(scene), size=foot),
    )
    layout["body"].split_row(
        Layout(_titled("Orders", _orders(scene, left - 1, body)), size=left),
        Layout(_titled("Hooks at the receiver", _hooks(scene, width - left, body))),
    )
    return layout


def chosen(orders: tuple[OrderSeen, ...], room: int) -> list[OrderSeen]:
    """Which orders to show: the open ones, then those that ended last; each keeps its place among the others."""
    urgent = sorted(orders, key=lambda order: (order.final, order.changed_s if order.changed_s is not None else 0.0))
    shown = {(order.panel, order.id) for order in urgent[:room]}
    return [order for order in orders if (order.panel, order.id) in shown]


def _head(scene: Scene, width: int) -> Table:
    lines = _grid(width)
    lines.add_column()
    lines.add_row(_title(scene, width))
    for panel in scene.panels:
        lines.add_row(_panel(panel, width))
    return lines


def _title(scene: Scene, width: int) -> Table:
    left_s = max(0.0, scene.total_s - scene.at_s)
    hours, minutes = divmod(int(scene.minute), 60)
    row = _grid(width)
    row.add_column()
    row.add_column(justify="right")
    clock = Text.assemble(
        (f"{hours}:{minutes:02} h simulated, {scene.speed:.0f}-fold speed  ", "dim"),
        meter(scene.at_s / scene.total_s, width // 6, "default"),
        (f" {left_s:3.0f} s left" if left_s else "  finishing", "default"),
    )
    row.add_row(Text("tracker demo", "bold"), clock)
    return row


def _panel(panel: PanelSeen, width: int) -> Table:
    row = _grid(width)
    for size in (8, width - 8 - 26 - 24, 26):
        row.add_column(width=size)
    row.add_column(width=24, justify="right")
    mark = ("✖ ", "bold red") if panel.trouble else ("● ", "green")
    row.add_row(
        Text.assemble(mark, (panel.name[:6], "bold")),
        _state(panel),
        Text.assemble("calls ", meter(panel.calls / panel.limit, 8, "default"), f" {panel.calls}/{panel.limit} min"),
        _balance(panel),
    )
    return row


def _state(panel: PanelSeen) -> Text:
    if not panel.trouble:
        return Text(f"answers, {panel.orders} orders", "default")
    return Text(f"down {panel.down_s:.0f} s, asked in {panel.again_s:.0f} s", "bold red")


def _balance(panel: PanelSeen) -> Text:
    if panel.balance is None:
        return Text("")
    amount = f"{panel.balance:.2f} {panel.currency}"
    return Text(f"▼ low: {amount}", "bold red") if panel.low else Text(f"balance {amount}")


def _bars(scene: Scene, width: int) -> Table:
    counts = {status: sum(order.status == status for order in scene.orders) for status in LOOKS}
    parts = [(counts[status], look.glyph, look.style) for status, look in LOOKS.items()]
    legend = Text(no_wrap=True, overflow="ellipsis")
    for status, look in LOOKS.items():
        if counts[status]:
            legend.append_text(Text.assemble((f"{look.glyph} ", look.style), f"{look.name} {counts[status]}   "))
    lines = _grid(width)
    lines.add_column()
    lines.add_row(stacked(parts, scene.expected, width))
    lines.add_row(legend)
    return lines


def _orders(scene: Scene, width: int, room: int) -> Table:
    wide = width * 2 >= WIDE
    rows = _grid(width)
    for size in (6, 7, None, 11, 10, 8, 5) if wide else (6, None, 11, 8):
        rows.add_column(width=size, no_wrap=True, overflow="ellipsis", ratio=1 if size is None else None)
    for order in chosen(scene.orders, room):
        look = LOOKS.get(order.status) or LOOKS["unknown"]
        fresh = order.changed_s is not None and order.changed_s < 1.5
        name = Text(look.name, f"{look.style} reverse" if fresh else look.style)
        bar = meter(1.0 if order.status == "completed" else order.done or 0.0, 10 if wide else 8, look.style)
        if wide:
            left = "" if order.remains is None or (order.final and not order.remains) else f"{order.remains} left"
            age = "" if order.changed_s is None else f"{order.changed_s:.0f} s"
            faded = "dim" if order.final else "default"
            rows.add_row(
                Text(order.id, faded), Text(order.panel, "dim"), Text(order.service, faded), name, bar,
                Text(left, "dim", justify="right"), Text(age, "dim", justify="right"),
            )  # fmt: skip
        else:
            faded = "dim" if order.final else "default"
            rows.add_row(Text(order.id, faded), Text(order.service, faded), name, bar)
    return rows


def _hooks(scene: Scene, width: int, room: int) -> Table:
    wide = width * 2 >= WIDE * 0.9
    rows = _grid(width)
    for size in (4, 1, 20, 6, None) if wide else (4, 1, None, 6):
        rows.add_column(width=size, no_wrap=True, overflow="ellipsis", ratio=1 if size is None else None)
    for hook in reversed(scene.hooks[-room:]):
        rows.add_row(*_hook(hook, wide=wide))
    return rows


def _hook(hook: HookSeen, *, wide: bool) -> list[Text]:
    style = FAMILIES.get(hook.type, "default") if hook.accepted else "red"
    mark = ("✖", "bold red") if not hook.accepted else ("↻", "bold green") if hook.attempt > 1 else ("✔", "green")
    cells = [
        Text(f"{hook.at_s:.0f} s", "dim", justify="right"),
        Text(*mark),
        Text(hook.type, style),
        Text(hook.subject),
    ]
    return [*cells, Text(words.note(hook), "dim")] if wide else cells


def _foot(scene: Scene) -> Table:
    told = sum(hook.accepted for hook in scene.hooks)
    lines = Table.grid(expand=True)
    lines.add_column()
    counts = f"{scene.moves} status changes recorded, {told} hooks delivered, {scene.waiting} on their way"
    lines.add_row(Rule(Text(counts, "dim"), style="dim", align="right"))
    lines.add_row(Text(words.sentence(scene), "bold"))
    return lines


def _titled(title: str, rows: Table) -> Table:
    lines = Table.grid(expand=True, padding=(0, 1, 0, 0))
    lines.add_column()
    lines.add_row(Rule(Text(title, "bold"), style="dim", align="left"))
    lines.add_row(rows)
    return lines


def _grid(width: int) -> Table:
    return Table.grid(padding=(0, 1, 0, 0), pad_edge=False, expand=True) if width else Table.grid()
