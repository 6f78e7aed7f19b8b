"""Charts as SVG text: numbers in, a picture out that needs no script.

Rule 1: no style attributes, so that a page may forbid inline styles. Colours come from the classes c1 … c6 and a few
        more, which the page's own style sheet (or PALETTE) defines for light and dark.
Rule 2: every mark has a <title> that says its number exactly, and the number as `data-value`. The label of the picture
        lists the numbers for screen readers.
Rule 3: all text is escaped, because names come from panels.
Rule 4: a picture fits a phone: nothing overlaps when the text is half as large again. `minor` labels are hidden there.
"""

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from html import escape
from math import floor, log10

from msgspec import Struct

from tracker.core.text import safe_text

Number = int | float | Decimal
Stamp = Callable[[float, float], str]  # shows a moment, in as much detail as a chart of so many seconds needs

WIDTH, HEIGHT = 520, 230
LEFT, RIGHT, TOP, BOTTOM = 56, 12, 34, 28
LINE = 18  # the height of a line of a legend
RANK = 32  # the height of a name with its bar
COLOURS = 6
DOTS_MAX = 40  # points of a line that are shown one by one
LABELS_MAX = 8
_DETAIL_S = 9 * 86_400.0  # a single moment is shown with its time of day, however long the chart is

# Okabe and Ito's colours, which nearly all people can tell apart; brighter on a dark background.
PALETTE = """
.chart { width: 100%; height: auto; font: 12px system-ui, sans-serif; }
.chart text { fill: currentColor; } .chart .heading { font-weight: 600; font-size: 1.1em; }
.chart .grid { stroke: currentColor; stroke-opacity: .18; } .chart .track { fill: currentColor; fill-opacity: .09; }
.chart .line { fill: none; stroke-width: 2; } .chart .ahead { stroke-dasharray: 5 4; }
.chart .c1 { fill: #0072b2; stroke: #0072b2; } .chart .c2 { fill: #e69f00; stroke: #e69f00; }
.chart .c3 { fill: #009e73; stroke: #009e73; } .chart .c4 { fill: #d55e00; stroke: #d55e00; }
.chart .c5 { fill: #cc79a7; stroke: #cc79a7; } .chart .c6 { fill: #7d8590; stroke: #7d8590; }
@media (prefers-color-scheme: dark) {
  .chart .c1 { fill: #3aa0e0; stroke: #3aa0e0; } .chart .c3 { fill: #1fbf91; stroke: #1fbf91; }
}
.chart polyline.line { fill: none; } .chart rect { stroke: none; }
@media (max-width: 40rem) { .chart { font-size: 17px; } .chart .minor { display: none; } }
"""


class Series(Struct, frozen=True):
    """One colour of a bar chart.

    values: one for each label; None: unknown.
    colour: 1 to COLOURS; 0: the next one.
    """

    name: str
    values: Sequence[Number | None]
    colour: int = 0


class ChartLine(Struct, frozen=True):
    """One line over time.

    points: (epoch seconds, value).
    ahead: a forecast, which is drawn dashed.
    """

    name: str
    points: Sequence[tuple[float, Number]]
    ahead: bool = False


class Rank(Struct, frozen=True):
    """A name and its number. shown: how the number is shown; "": as it is."""

    name: str
    value: Number
    shown: str = ""
    colour: int = 1


def bars(title: str, labels: Sequence[str], series: Sequence[Series], unit: str = "") -> str:
    """Stacked bars, one for each label. Unknown, zero and negative values have no mark."""
    tallest = max((_height(series, n) for n in range(len(labels))), default=0.0)
    if tallest <= 0:
        return _nothing(title)
    colours = [(one.colour or n % COLOURS + 1) for n, one in enumerate(series)]
    legend, top = _legend([(one.name, f"c{colour}", False) for one, colour in zip(series, colours, strict=True)])
    scale = _Scale(0.0, tallest, top)
    slot = (WIDTH - LEFT - RIGHT) / len(labels)
    marks, said = [], []
    for n, label in enumerate(labels):
        bottom = 0.0
        for one, colour in zip(series, colours, strict=True):
            value = one.values[n]
            if value is None or value <= 0:
                continue
            height = bottom + float(value)
            y, base = scale.y(height), scale.y(bottom)
            told = f"{label}, {one.name}: {_exact(value)}{_unit(unit)}"
            marks.append(
                f'<rect class="c{colour}" x="{LEFT + slot * n + slot * 0.1:.1f}" y="{y:.1f}"'
                f' width="{slot * 0.8:.1f}" height="{max(base - y, 0.5):.1f}" data-label="{_safe(label)}"'
                f' data-series="{_safe(one.name)}" data-value="{_exact(value)}"><title>{_safe(told)}</title></rect>'
            )
            said.append(told)
            bottom = height
    named = [(LEFT + slot * (n + 0.5), label) for n, label in enumerate(labels)]
    return _picture(title, unit, said, [*legend, *scale.grid(), *marks, *_below(named)])


def lines(title: str, drawn: Sequence[ChartLine], stamp: Stamp, unit: str = "") -> str:
    """Lines over time, each in a colour of its own, with a legend when there are several."""
    points = [point for line in drawn for point in line.points]
    if not points:
        return _nothing(title)
    first, last = min(at for at, _ in points), max(at for at, _ in points)
    lowest, highest = min(float(value) for _, value in points), max(float(value) for _, value in points)
    names = [(line.name, f"line c{n % COLOURS + 1}{_ahead(line)}", True) for n, line in enumerate(drawn)]
    legend, top = _legend(names if len(names) > 1 else [])
    scale = _Scale(min(lowest, 0.0), highest, top)
    width, span = (WIDTH - LEFT - RIGHT) / max(last - first, 1.0), last - first
    marks, said = [], []
    for n, line in enumerate(drawn):
        colour = n % COLOURS + 1
        places = [(LEFT + (at - first) * width, scale.y(float(value)), at, value) for at, value in line.points]
        told = [
            f"{line.name}, {stamp(at, min(span, _DETAIL_S))}: {_exact(value)}{_unit(unit)}" for *_, at, value in places
        ]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y, *_ in places)
        marks.append(
            f'<polyline class="line c{colour}{_ahead(line)}" points="{path}" data-series="{_safe(line.name)}"'
            f' data-value="{_exact(line.points[-1][1])}"><title>{_safe(told[-1])}</title></polyline>'
        )
        if len(places) <= DOTS_MAX:
            marks += [
                f'<circle class="c{colour}" cx="{x:.1f}" cy="{y:.1f}" r="3" data-value="{_exact(value)}">'
                f"<title>{_safe(text)}</title></circle>"
                for (x, y, _, value), text in zip(places, told, strict=True)
            ]
        said += told if len(told) <= 2 else [told[0], told[-1]]
    named = [(LEFT + (at - first) * width, stamp(at, span)) for at in _spread(first, last)]
    said.append(f"between {_short_number(lowest)} and {_short_number(highest)}{_unit(unit)}")
    return _picture(title, unit, said, [*legend, *scale.grid(), *marks, *_below(named)])


def ranks(title: str, items: Sequence[Rank], unit: str = "") -> str:
    """Horizontal bars below their names, in the order given."""
    if not items:
        return _nothing(title)
    most = max(float(item.value) for item in items) or 1.0
    marks, said, full = [], [], WIDTH - 16
    for n, item in enumerate(items):
        y = TOP + RANK * n
        told = item.shown or f"{_exact(item.value)}{_unit(unit)}"
        width = max(float(item.value), 0.0) / most * full
        marks.append(
            f'<text x="8" y="{y + 10}">{_safe(_short(item.name))}</text>'
            f'<text x="{WIDTH - 8}" y="{y + 10}" text-anchor="end">{_safe(told)}</text>'
            f'<rect class="track" x="8" y="{y + 15}" width="{full}" height="7" rx="2"/>'
            f'<rect class="c{item.colour}" x="8" y="{y + 15}" width="{max(width, 1.0):.1f}" height="7" rx="2"'
            f' data-label="{_safe(item.name)}" data-value="{_exact(item.value)}">'
            f"<title>{_safe(item.name)}: {_safe(told)}</title></rect>"
        )
        said.append(f"{item.name} {told}")
    return _picture(title, "", said, marks, TOP + RANK * len(items))


class _Scale:
    """The vertical axis: where a value lies on it, and its grid at round numbers. top: the upper end of the axis."""

    def __init__(self, low: float, high: float, top: int) -> None:
        span = max(high - low, 1e-9)
        step = 10.0 ** floor(log10(span / 4)) if span > 1e-9 else 1.0
        self.step = next(step * factor for factor in (1, 2, 2.5, 5, 10) if span / (step * factor) <= 5)
        self.low = floor(low / self.step) * self.step
        self.high = max(high, self.low + self.step)
        self.top = top

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - (value - self.low) / (self.high - self.low) * (HEIGHT - self.top - BOTTOM)

    def grid(self) -> list[str]:
        found, value = [], self.low
        while value <= self.high + self.step * 1e-6:
            y = self.y(value)
            found.append(
                f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
                f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_short_number(value)}</text>'
            )
            value = round(value + self.step, 10)
        return found


def _picture(title: str, unit: str, said: Iterable[str], marks: Sequence[str], height: int = HEIGHT) -> str:
    about = f"{title}, in {unit}" if unit else title
    heard = ". ".join([about, *said])
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{_safe(heard)}"'
        f' xmlns="http://www.w3.org/2000/svg"><text class="heading" x="8" y="16">{_safe(about)}</text>'
        f"{''.join(marks)}</svg>"
    )


def _nothing(title: str) -> str:
    return _picture(title, "", ["Nothing yet"], ['<text x="8" y="42">Nothing yet.</text>'], 60)


def _legend(names: Sequence[tuple[str, str, bool]]) -> tuple[list[str], int]:
    """The marks of a legend, in as many rows as they need, and where the chart below it begins.

    names: (name, class, whether it is a line).
    """
    marks, x, y = [], LEFT, TOP
    for name, css, is_line in names:
        text = _short(name)
        room = 30 + 10 * len(text)
        if x > LEFT and x + room > WIDTH:
            x, y = LEFT, y + LINE
        mark = (
            f'<line class="{css}" x1="{x}" x2="{x + 16}" y1="{y}" y2="{y}"/>'
            if is_line
            else f'<rect class="{css}" x="{x}" y="{y - 5}" width="10" height="10"/>'
        )
        marks.append(f'{mark}<text x="{x + (22 if is_line else 15)}" y="{y + 4}">{_safe(text)}</text>')
        x += room
    return marks, y + LINE if names else TOP


def _below(named: Sequence[tuple[float, str]]) -> list[str]:
    """The labels of the horizontal axis: as many as there is room for, without the same one twice in a row."""
    every = max(1, -(-len(named) // LABELS_MAX))
    chosen = [one for n, one in enumerate(named[::every]) if n == 0 or one[1] != named[::every][n - 1][1]]
    marks = []
    for n, (x, label) in enumerate(chosen):
        minor = ' class="minor"' if n % 2 else ""
        place = f'x="{x:.1f}" text-anchor="middle"'
        if x + 5 * len(label) > WIDTH:
            place = f'x="{WIDTH - 4}" text-anchor="end"'
        marks.append(f'<text{minor} {place} y="{HEIGHT - 8}">{_safe(label)}</text>')
    return marks


def _height(series: Sequence[Series], n: int) -> float:
    return sum(max(float(one.values[n] or 0), 0.0) for one in series)


def _spread(first: float, last: float, count: int = 4) -> list[float]:
    return [first + (last - first) * n / (count - 1) for n in range(count)] if last > first else [first]


def _ahead(line: ChartLine) -> str:
    return " ahead" if line.ahead else ""


def _short_number(value: float) -> str:
    """A number as short as an axis needs it: `2.5`, `250k`, `800M`."""
    for size, unit in ((1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / (1e6 if unit == 'M' else 1e3):g}{unit}"
    return f"{value:g}"


def _exact(value: Number) -> str:
    return (
        format(value, "f") if isinstance(value, Decimal) else f"{value:g}" if isinstance(value, float) else str(value)
    )


def _unit(unit: str) -> str:
    return f" {unit}" if unit else ""


def _short(text: str) -> str:
    return text if len(text) <= 34 else text[:33] + "…"


def _safe(text: str) -> str:
    return escape(safe_text(text))
