"""The shape of an id is stated once: all places that check one agree."""

import re

import pytest

from tracker.core import ids
from tracker.core.events import event_schema
from tracker.core.wire import values
from tracker.web.api import shapes

# id, may a panel say it and be asked for it, may somebody hand it over
IDS = [
    ("23501", True, True),
    ("a-7.x/y+z", True, True),
    ("x" * 100, True, True),
    ("x" * 101, False, False),
    ("31;12;1000", True, False),
    ("1,2", False, False),
    ("1 2", False, False),
    ("1\t", False, False),
    ("1\n", False, False),
    ("1\x00", False, False),
    ("1\x7f", False, False),
    ("1\x85", False, False),
    ("1\u00a0", False, False),
    ("", False, False),
]


@pytest.mark.parametrize(("text", "askable", "given"), IDS)
def test_the_shapes_agree_about_every_id(text, askable, given):
    assert ids.valid_id(text) is askable
    assert ids.valid_given_id(text) is given
    schema = event_schema.REMOTE_ID
    assert (len(text) <= schema["maxLength"] and re.search(schema["pattern"] + r"\Z", text) is not None) is askable
    taken = shapes.new_order(["main"])["properties"]["id"]
    assert (len(text) <= taken["maxLength"] and re.search(taken["pattern"] + r"\Z", text) is not None) is given


@pytest.mark.parametrize(("text", "askable"), [(text, askable) for text, askable, _ in IDS if text == text.strip()])
def test_an_id_that_a_panel_says_can_be_asked_for(text, askable):
    assert (values.remote_id(text) is not None) is askable


@pytest.mark.parametrize("remote_id", ["0023501", "+23501", "-1", "23501.0", "23501.", "\u0661\u0662", "00"])
def test_a_number_in_another_spelling_is_none_of_the_panels_own(remote_id):
    assert ids.is_respelled(remote_id)


@pytest.mark.parametrize(
    "remote_id", ["23501", "0", "23501-7", "ab12", "0x1f", "1.2", "2e4", "6f9619ff-8b86-d011", "1e4a"]
)
def test_any_other_id_is_the_panels_own(remote_id):
    assert not ids.is_respelled(remote_id)
