"""Charts: every number is in them exactly, text from outside is escaped, and pages and files show the same."""

import re
from decimal import Decimal
from html import unescape
from pathlib import Path
from xml.etree import ElementTree

import pytest

import tracker
from tracker.presentation import charts
from tracker.presentation.charts import ChartLine, Rank, Series

HOSTILE = "<script>alert(1)</script>\u202e\x1b[31m\"'&"
SVG = "{http://www.w3.org/2000/svg}"
HOUR = 3600.0


def stamp(at, span_s):
    return f"{at / HOUR:g}h of {span_s / HOUR:g}h"


def drawn(picture):
    """The marks as (class, number, title)."""
    root = ElementTree.fromstring(picture)
    marks = [one for one in root.iter() if one.get("data-value") is not None]
    return [(one.get("class"), one.get("data-value"), one.findtext(f"{SVG}title")) for one in marks]


def heard(picture):
    return ElementTree.fromstring(picture).get("aria-label")


def test_bars_are_stacked_and_have_their_numbers():
    picture = charts.bars(
        "Back", ["11-25", "11-26"], [Series("main", [1, None]), Series("x", [Decimal("0.10"), -2])], "USD"
    )
    assert drawn(picture) == [("c1", "1", "11-25, main: 1 USD"), ("c2", "0.10", "11-25, x: 0.10 USD")]
    assert heard(picture) == "Back, in USD. 11-25, main: 1 USD. 11-25, x: 0.10 USD"
    lower, upper = [
        (float(y), float(h)) for y, h in re.findall(r' y="([\d.]+)" width="[\d.]+" height="([\d.]+)" data', picture)
    ]
    assert upper[0] + upper[1] == pytest.approx(lower[0], abs=0.2)
    assert lower[1] == pytest.approx(10 * upper[1], abs=1.5)


def test_a_given_colour_does_not_depend_on_the_other_series():
    for series in ([Series("failed", [1], 4)], [Series("completed", [2], 3), Series("failed", [1], 4)]):
        assert ("c4", "1", "a, failed: 1") in drawn(charts.bars("Ends", ["a"], series))


def test_a_line_shows_every_point_when_they_are_few_and_always_its_last_number():
    few = ChartLine("balance", [(0.0, Decimal("10.50")), (HOUR, 9), (4 * HOUR, 7)])
    picture = charts.lines("Balance", [few], stamp, "USD")
    assert [value for _, value, _ in drawn(picture)] == ["7", "10.50", "9", "7"]
    assert drawn(picture)[1][2] == "balance, 0h of 4h: 10.50 USD"
    assert heard(picture).startswith(
        "Balance, in USD. balance, 0h of 4h: 10.50 USD. balance, 4h of 4h: 7 USD. between 7 and"
    )
    many = ChartLine("balance", [(n * HOUR, n) for n in range(100)])
    assert drawn(charts.lines("Balance", [many], stamp)) == [("line c1", "99", "balance, 99h of 99h: 99")]


def test_a_forecast_is_dashed_and_named():
    lines = [
        ChartLine("balance", [(0.0, 9), (HOUR, 7)]),
        ChartLine("if it goes on", [(HOUR, 7), (2 * HOUR, 5)], ahead=True),
    ]
    picture = charts.lines("Balance", lines, stamp)
    assert 'class="line c2 ahead"' in picture
    assert ">if it goes on</text>" in picture
    assert ">balance</text>" not in charts.lines("Balance", lines[:1], stamp), "one line needs no legend"


def test_ranks_show_the_given_text_or_the_number():
    picture = charts.ranks("Finish", [Rank("main 12", 90_000, "1d 1h"), Rank("13", 0, colour=3)], "%")
    assert drawn(picture) == [("c1", "90000", "main 12: 1d 1h"), ("c3", "0", "13: 0 %")]
    assert heard(picture) == "Finish. main 12 1d 1h. 13 0 %"


@pytest.mark.parametrize(
    "picture",
    [
        charts.bars("T", [], []),
        charts.bars("T", ["a"], [Series("x", [0])]),
        charts.lines("T", [], stamp),
        charts.ranks("T", []),
    ],
)
def test_a_chart_without_values_is_no_empty_frame(picture):
    assert "Nothing yet." in picture
    assert "grid" not in picture
    assert heard(picture) == "T. Nothing yet"


@pytest.mark.parametrize("picture", [
    charts.bars(HOSTILE, [HOSTILE], [Series(HOSTILE, [1])], HOSTILE),
    charts.lines(HOSTILE, [ChartLine(HOSTILE, [(0.0, 1), (1.0, 2)])], lambda _at, _span: HOSTILE, HOSTILE),
    charts.ranks(HOSTILE, [Rank(HOSTILE, 1, HOSTILE)], HOSTILE),
])  # fmt: skip
def test_text_from_outside_is_escaped(picture):
    ElementTree.fromstring(picture)
    assert "<script" not in picture
    assert not set(picture) & {"\x1b", "\u202e"}
    assert "\\u202e" in unescape(picture)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (2.5, "2.5"), (9_999, "9999"), (250_000, "250k"), (8e8, "800M"), (1.25e10, "12500M"), (-2e6, "-2M")],
)
def test_an_axis_has_short_numbers(value, text):
    assert charts._short_number(value) == text


def test_pages_and_files_have_the_same_colours():
    sheet = Path(tracker.__file__).parent / "web" / "static" / "app.css"
    assert charts.PALETTE.strip() in sheet.read_text()
