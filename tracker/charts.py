"""Charts as SVG text: numbers in, a picture out that needs no script.

Rule 1: no style attributes, so that a page may forbid inline styles: colours come from the classes c1 … c6 and a few
        more, which the page's own style sheet (or PALETTE) defines for light and dark.
Rule 2: every mark has a <title> that says its number exactly, and the number as `data-value`.
Rule 3: all text is escaped: names come from panels.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from html import escape
from math import floor, log10

from msgspec import Struct

from tracker.core.text import safe_text

Number = int | float | Decimal

WIDTH, HEIGHT = 720, 260
LEFT, RIGHT, TOP, BOTTOM = 56, 12, 56, 26
COLOURS = 6

# Okabe and Ito's colours, told apart by (nearly) everybody; the same in light and dark but for the lines.
PALETTE = """
.chart { width: 100%; height: auto; font: 12px system-ui, sans-serif; }
.chart text { fill: currentColor; } .chart .heading { font-weight: 600; }
.chart .grid { stroke: currentColor; stroke-opacity: .18; }
.chart .line { fill: none; stroke-width: 2; } .chart .ahead { stroke-dasharray: 5 4; }
.chart .c1 { fill: #0072b2; stroke: #0072b2; } .chart .c2 { fill: #e69f00; stroke: #e69f00; }
.chart .c3 { fill: #009e73; stroke: #009e73; } .chart .c4 { fill: #d55e00; stroke: #d55e00; }
.chart .c5 { fill: #cc79a7; stroke: #cc79a7; } .chart .c6 { fill: #7d8590; stroke: #7d8590; }
.chart .line.c1, .chart .line.c2, .chart .line.c3, .chart .line.c4, .chart .line.c5, .chart .line.c6 { fill: none; }
.chart rect { stroke: none; }
"""


class Series(Struct, frozen=True):
    """One colour of a chart. values: one for each label of bars, None: nothing known."""

    name: str
    values: Sequence[Number | None]


class Line(Struct, frozen=True):
    """One line over time: (epoch seconds, value). ahead: dashed, what is expected and not known."""

    name: str
    points: Sequence[tuple[float, Number]]
    ahead: bool = False


def bars(title: str, labels: Sequence[str], series: Sequence[Series], unit: str = "") -> str:
    """Stacked bars, one for each label. A negative number counts as nothing in the picture, not in its title."""
    count = max(len(labels), 1)
    tallest = max((_height(series, n) for n in range(len(labels))), default=0.0)
    scale = _Scale(0.0, tallest)
    slot = (WIDTH - LEFT - RIGHT) / count
    marks = []
    for n, label in enumerate(labels):
        bottom = 0.0
        for colour, one in enumerate(series):
            value = one.values[n]
            if value is None or value <= 0:
                continue
            top = bottom + float(value)
            y, base = scale.y(top), scale.y(bottom)
            told = f"{label}, {one.name}: {_exact(value)}{_unit(unit)}"
            marks.append(
                f'<rect class="c{colour % COLOURS + 1}" x="{LEFT + slot * n + slot * 0.1:.1f}" y="{y:.1f}"'
                f' width="{slot * 0.8:.1f}" height="{max(base - y, 0.5):.1f}" data-label="{_safe(label)}"'
                f' data-series="{_safe(one.name)}" data-value="{_exact(value)}"><title>{_safe(told)}</title></rect>'
            )
            bottom = top
    named = [(LEFT + slot * (n + 0.5), label) for n, label in enumerate(labels)]
    return _picture(title, unit, [*scale.grid(), *marks, *_below(named)], [one.name for one in series])


def lines(title: str, drawn: Sequence[Line], when: Callable[[float], str], unit: str = "") -> str:
    """Lines over time; several lines of one name have one colour."""
    points = [point for line in drawn for point in line.points]
    if not points:
        return _picture(title, unit, [], [])
    first, last = min(at for at, _ in points), max(at for at, _ in points)
    lowest, highest = min(float(value) for _, value in points), max(float(value) for _, value in points)
    scale = _Scale(min(lowest, 0.0), highest)
    width = (WIDTH - LEFT - RIGHT) / max(last - first, 1.0)
    names = list(dict.fromkeys(line.name for line in drawn))
    marks = []
    for line in drawn:
        colour = names.index(line.name) % COLOURS + 1
        path = " ".join(f"{LEFT + (at - first) * width:.1f},{scale.y(float(value)):.1f}" for at, value in line.points)
        ahead = " ahead" if line.ahead else ""
        at, value = line.points[-1]
        told = f"{line.name}, {when(at)}: {_exact(value)}{_unit(unit)}"
        marks.append(
            f'<polyline class="line c{colour}{ahead}" points="{path}" data-series="{_safe(line.name)}"'
            f' data-value="{_exact(value)}"><title>{_safe(told)}</title></polyline>'
        )
    named = [(LEFT + (at - first) * width, when(at)) for at in _spread(first, last)]
    return _picture(title, unit, [*scale.grid(), *marks, *_below(named)], names)


def ranks(title: str, items: Sequence[tuple[str, Number]], unit: str = "") -> str:
    """Horizontal bars, one for each (name, number), in the order given."""
    top = 32
    height = top + 24 * max(len(items), 1) + 8
    most = max((float(value) for _, value in items), default=0.0) or 1.0
    marks = []
    for n, (name, value) in enumerate(items):
        y = top + 24 * n
        width = max(float(value), 0.0) / most * (WIDTH - 330)
        marks.append(
            f'<text x="200" y="{y + 13}" text-anchor="end">{_safe(_short(name))}</text>'
            f'<rect class="c{n % COLOURS + 1}" x="208" y="{y}" width="{max(width, 0.5):.1f}" height="16"'
            f' data-label="{_safe(name)}" data-value="{_exact(value)}">'
            f"<title>{_safe(name)}: {_exact(value)}{_safe(_unit(unit))}</title></rect>"
            f'<text x="{214 + width:.1f}" y="{y + 13}">{_exact(value)}{_safe(_unit(unit))}</text>'
        )
    return _picture(title, unit, marks, [], height)


class _Scale:
    """Where a value lies on the vertical axis, which ends at round numbers."""

    def __init__(self, low: float, high: float) -> None:
        span = max(high - low, 1e-9)
        step = 10.0 ** floor(log10(span / 4)) if span > 1e-9 else 1.0
        self.step = next(step * factor for factor in (1, 2, 2.5, 5, 10) if span / (step * factor) <= 5)
        self.low = floor(low / self.step) * self.step
        self.high = max(high, self.low + self.step)

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - (value - self.low) / (self.high - self.low) * (HEIGHT - TOP - BOTTOM)

    def grid(self) -> list[str]:
        found, value = [], self.low
        while value <= self.high + self.step * 1e-6:
            y = self.y(value)
            found.append(
                f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
                f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>'
            )
            value = round(value + self.step, 10)
        return found


def _picture(title: str, unit: str, marks: Sequence[str], names: Sequence[str], height: int = HEIGHT) -> str:
    about = f"{title}, in {unit}" if unit else title
    heading = f'<text class="heading" x="8" y="16">{_safe(about)}</text>'
    empty = "" if marks else f'<text x="{WIDTH // 2}" y="{height // 2}" text-anchor="middle">nothing yet</text>'
    legend, x = [], LEFT
    for n, name in enumerate(names):
        legend.append(f'<rect class="c{n % COLOURS + 1}" x="{x}" y="30" width="10" height="10"/>')
        legend.append(f'<text x="{x + 14}" y="39">{_safe(_short(name))}</text>')
        x += 28 + 7 * min(len(name), 24)
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{_safe(about)}"'
        f' xmlns="http://www.w3.org/2000/svg"><title>{_safe(about)}</title>'
        f"{''.join([heading, *legend, *marks, empty])}</svg>"
    )


def _below(named: Sequence[tuple[float, str]]) -> list[str]:
    """Labels of the horizontal axis, as many as there is room for."""
    every = max(1, -(-len(named) // 8))
    return [
        f'<text x="{min(max(x, LEFT + 20), WIDTH - RIGHT - 20):.1f}" y="{HEIGHT - 8}" text-anchor="middle">'
        f"{_safe(label)}</text>"
        for x, label in named[::every]
    ]


def _height(series: Sequence[Series], n: int) -> float:
    return sum(max(float(one.values[n] or 0), 0.0) for one in series)


def _spread(first: float, last: float, count: int = 5) -> list[float]:
    return [first + (last - first) * n / (count - 1) for n in range(count)] if last > first else [first]


def _exact(value: Number) -> str:
    return (
        format(value, "f") if isinstance(value, Decimal) else f"{value:g}" if isinstance(value, float) else str(value)
    )


def _unit(unit: str) -> str:
    return f" {unit}" if unit else ""


def _short(text: str) -> str:
    return text if len(text) <= 26 else text[:25] + "…"


def _safe(text: str) -> str:
    return escape(safe_text(text))
