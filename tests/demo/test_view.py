"""Snapshots as screens and as lines: nothing cut off, nothing too wide, the right things shown."""

import io
import re

import pytest
from rich.console import Console

from tests.demo.snapshots import hook, order, panel, snapshot
from tracker.core.events.event_types import EVENT_TYPES
from tracker.demo import meters, plain, runner, view, words

SIZES = [(80, 24), (120, 40)]
EVERY_TYPE = tuple(hook(n, type_) for n, type_ in enumerate(EVENT_TYPES[:13]))
DOWN = panel("main", trouble="HTTP 503", down_s=17.0, next_call_s=10.0)


def picture(seen, width, height, **console):
    """The lines on a terminal of that size."""
    out = Console(file=io.StringIO(), width=width, height=height, legacy_windows=False, **console)
    out.print(view.screen(seen, width, height))
    return out.file.getvalue().splitlines()


@pytest.mark.parametrize(("width", "height"), [*SIZES, (72, 20), (100, 30), (200, 60)])
def test_it_fills_the_terminal_and_not_a_column_more(width, height):
    lines = picture(snapshot(hooks=EVERY_TYPE, panels=(DOWN, panel("second", low=True))), width, height)
    assert len(lines) == height
    assert max(map(len, lines)) <= width


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_nothing_is_cut_off(width, height):
    hooks = (*EVERY_TYPE, hook(98, "balance.recovered", subject="second"), hook(99, "order.started", attempt=2))
    text = "\n".join(picture(snapshot(hooks=hooks, panels=(DOWN, panel("second", low=True))), width, height))
    assert "…" not in text
    for whole in (
        "down 17 s, retry in 10 s", "123/240 a min", "▼ low: 123.45 USD", "Newsletter inserts", "in progress 9",
        "canceled 9", "1 s left", "order.unknown_status", "balance.recovered", "second",
        "112 status changes recorded, 15 hooks delivered, 3 on their way",
    ):  # fmt: skip
        assert whole in text


def test_a_wide_terminal_shows_what_came_with_a_hook():
    hooks = (hook(1, "order.refunded"), hook(2, "order.started", accepted=False), hook(3, "order.started", attempt=2))
    text = "\n".join(picture(snapshot(hooks=hooks), 120, 40))
    assert "✖ order.started        23515  answered 500" in text
    assert "↻ order.started        23515  sent again" in text
    assert words.note(hook(4, "panel.down")) == "HTTP 503"
    assert "✔ order.refunded       23515  0.75520 back" in text


def test_open_orders_come_first_and_then_those_that_ended_last():
    orders = tuple(order(n, "completed" if n % 2 else "in_progress") for n in range(10))
    assert [seen.id for seen in view.chosen(orders, 7)] == [
        "23500",
        "23501",
        "23502",
        "23503",
        "23504",
        "23506",
        "23508",
    ]
    assert len(view.chosen(orders, 3)) == 3
    assert view.chosen(orders, 99) == list(orders)


@pytest.mark.parametrize("counts", [[0, 0, 0], [36, 0, 0], [1, 1, 1], [12, 11, 13]])
def test_the_parts_of_a_bar_never_add_up_to_more_than_the_bar(counts):
    parts = [(count, glyph, "green") for count, glyph in zip(counts, "abc", strict=True)]
    bar = meters.stacked(parts, 36, 80).plain
    assert len(bar) == 80
    assert len(bar.rstrip("╌")) == round(sum(counts) * 80 / 36)


def test_colours_are_the_terminals_own_and_gone_without_colour(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    seen = snapshot(hooks=EVERY_TYPE)
    coloured = "\n".join(picture(seen, 80, 24, force_terminal=True, color_system="truecolor"))
    assert re.search(r"\x1b\[[0-9;]*3[1-6]", coloured)
    assert not re.search(r"\x1b\[[0-9;]*38;", coloured), "a colour that no theme can adapt"
    bare = "\n".join(picture(seen, 80, 24, force_terminal=True, no_color=True))
    assert not re.search(r"\x1b\[[0-9;]*[349]\d", bare)


@pytest.mark.parametrize("type_", list(words.MEANINGS))
def test_what_is_said_fits_into_two_lines(type_):
    sentence = words.sentence(snapshot(hooks=(hook(80, type_),)))
    assert sentence == words.MEANINGS[type_].format_map(hook(80, type_).facts)
    assert len(Console(width=80).render_lines(sentence)) <= 2


def test_trouble_is_said_before_everything_else():
    seen = snapshot(hooks=(hook(80, "order.partial"),), panels=(DOWN, panel("second")))
    assert words.sentence(seen).startswith("Panel main answers 503")
    assert "panel second goes on" in words.sentence(seen)
    assert len(Console(width=80).render_lines(words.sentence(seen))) <= 2
    refused = snapshot(hooks=(hook(79, "order.partial", accepted=False), hook(80, "order.partial")))
    assert "answered 500" in words.sentence(refused)


def test_each_chapter_is_said_and_old_hooks_are_not():
    old = (hook(0, "order.partial", at_s=20.0),)
    sentences = [words.sentence(snapshot(at_s=at_s, hooks=old)) for at_s in (1.0, 30.0, 59.0)]
    assert sentences[1:] == [words.MIDDLE, words.CLOSING]
    assert words.sentence(snapshot(at_s=1.0)) == words.OPENING


def test_lines_say_each_thing_once_and_in_ascii():
    printed = []
    lines = plain.PlainView(printed.append)
    first = snapshot(hooks=EVERY_TYPE[:2])
    lines.show(first)
    lines.show(first)
    lines.show(snapshot(hooks=EVERY_TYPE))
    assert len([line for line in printed if "  hook  " in line]) == len(EVERY_TYPE)
    assert all(line.isascii() for line in printed)
    assert plain.line(EVERY_TYPE[3]) == " 50.3 s  hook  order.partial         23515   1264 of 1500"


@pytest.mark.parametrize(
    ("changed", "can"),
    [
        ({}, True),
        ({"width": 60}, False),
        ({"height": 10}, False),
        ({"force_terminal": False}, False),
        ({"_environ": {"TERM": "dumb"}}, False),
    ],
)
def test_a_terminal_that_cannot_show_it_gets_lines(changed, can):
    out = io.TextIOWrapper(io.BytesIO(), "utf-8")
    values = {"width": 80, "height": 24, "force_terminal": True, "_environ": {"TERM": "xterm"}} | changed
    assert runner.can_show_live_view(Console(file=out, **values)) is can


def test_a_terminal_without_unicode_gets_lines():
    out = io.TextIOWrapper(io.BytesIO(), "ascii")
    assert not runner.can_show_live_view(
        Console(file=out, width=80, height=24, force_terminal=True, _environ={"TERM": "xterm"})
    )
