"""Link, reference and tags are taken out of bodies and lines; everything else stays byte for byte."""

import json

import pytest

from tests.core.beliefs import NOW, believed, observed
from tests.event_checks import faults
from tracker.core.orders import diff
from tracker.core.orders.erasure import ErasedTexts, JournalEraser, cleaned_body, spellings

ORDER = believed("In progress", charge="0.90", ref="Zoë <1>", tags=("vip", "b/c"), quantity=1000, remains=700)


def test_an_event_loses_reference_and_tags_and_nothing_else():
    event = observed(ORDER, "Partial", "0.27819", remains=157).events[0]
    erased = ErasedTexts()
    body = cleaned_body(event.body.decode(), erased)
    assert body.encode() == event.body.replace('"ref":"Zoë <1>","tags":["vip","b/c"]'.encode(), b'"ref":null,"tags":[]')
    assert (erased.words, erased.tags) == ({"Zoë <1>"}, {"vip", "b/c"})
    assert faults("order.partial", json.loads(body)) == []
    assert cleaned_body(body, ErasedTexts()) == body


def test_an_event_that_holds_none_of_it_is_the_same_bytes():
    body = diff.tracked(believed(seq=1), NOW).body.decode()
    erased = ErasedTexts()
    assert cleaned_body(body, erased) == body
    assert (erased.words, erased.tags) == (set(), set())


LINE = b'{"at": "now", "panel": "main", "id": "1", "link": "l", "ref": "r", "tags": ["t"], "placed_at": 1.5}\n'
KEPT = b'{"at": "now", "panel": "main", "id": "1", "placed_at": 1.5}\n'


@pytest.mark.parametrize(
    ("line", "forgotten", "removed"),
    [
        (LINE, KEPT, b""),
        (KEPT, KEPT, b""),
        (b'{"id": 1, "panel": "main"}\n', b'{"id": 1, "panel": "main"}\n', b""),
        (LINE.replace(b"main", b"other"), None, None),
        (LINE.replace(b'"1"', b'"11"'), None, None),
        (b'{"panel": "main", "id": "1", "link": "https://exam', b"", b""),
        (b'{"panel": "main", "id": "11", "link": "https://exam', None, None),
        (b"\n", None, None),
    ],
)
def test_a_line_of_the_journal_is_cleaned_taken_out_or_left_alone(line, forgotten, removed):
    """None: as it was."""
    assert JournalEraser("main", ["1", "ü"], keep=True)(line) == (line if forgotten is None else forgotten)
    assert JournalEraser("main", ["1", "ü"], keep=False)(line) == (line if removed is None else removed)


def test_what_was_met_is_known_afterwards():
    lines = JournalEraser("main", ["1", "2"], keep=True)
    lines(LINE)
    assert (lines.ids, lines.erased.words, lines.erased.tags) == ({"1"}, {"l", "r"}, {"t"})


def test_a_text_is_looked_for_in_every_spelling():
    assert spellings("/") == {"/", r"\/", r"\\/", r"\\\/"}
    assert spellings("é") == {"é", r"\u00e9", r"\\u00e9"}
    assert spellings("a") == {"a"}
