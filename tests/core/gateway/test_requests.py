"""What a client's request means, however it is written."""

import json
from urllib.parse import urlencode

import pytest

from tracker.core.gateway.requests import BadRequest, read_request

MANY = b"action=status&orders=" + b",".join(b"%d" % n for n in range(1_001))
FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("query", "kind", "body"),
    [
        ("", FORM, b"key=k&action=status&orders=1%2C2"),
        ("", "application/json; charset=utf-8", b'{"key": "k", "action": "status", "orders": "1,2"}'),
        ("", "application/json", b'{"key": "k", "action": "status", "orders": ["1", 2]}'),
        ("key=k&action=status&orders=1,2", "", b""),
        ("key=k", FORM, b"action=status&orders=1, 2,,1"),
        ("action=balance", "text/plain", b"key=k&action=status&orders=1,2"),
    ],
)
def test_a_request_means_the_same_however_it_is_written(query, kind, body):
    ask = read_request(query, kind, body)
    assert (ask.key, ask.action, ask.ids, ask.many) == ("k", "status", ("1", "2"), True)
    assert not ask.fields.keys() & {"key", "action"}


def test_comments_in_a_json_list_are_lines():
    ask = read_request(
        "", "application/json", b'{"comments": ["One, two", "Three"], "drip": true, "x": null, "runs": 2}'
    )
    assert ask.fields == {"comments": "One, two\nThree", "drip": "true", "runs": "2"}


@pytest.mark.parametrize(
    ("kind", "body"),
    [("application/json", b"{"), ("application/json", b"[]"), ("application/json", b'{"a": {"b": 1}}'), (FORM, b"\xff"),
     ("application/json", b'{"a": [[1]]}'), (FORM, b"a=%00"), (FORM, MANY)],
)  # fmt: skip
def test_what_is_no_request_is_refused(kind, body):
    with pytest.raises(BadRequest):
        read_request("", kind, body)


@pytest.mark.parametrize(
    "name",
    [" action", "  action", "action[]", "action[x]", "Action", "ACTION", " key", "Key", "\u212aey", "key[0]",
     " service", "\u017fervice", " quantity", "quantity[", "Quantity", "quantity[]", "old.posts", "old posts",
     "old[posts", "comments[]", "orders[]", "Orders", " link"],
)  # fmt: skip
@pytest.mark.parametrize("kind", [FORM, "application/json"])
def test_a_name_that_a_panel_may_take_for_one_that_counts_is_refused(name, kind):
    """PHP strips, cuts and rewrites names of parameters, Go and .NET ignore their case: a panel would read another
    action, price or key than the one that was looked at here."""
    fields = {"key": "k", "action": "cancel", "orders": "1", name: "add"}
    body = json.dumps(fields) if kind != FORM else urlencode(fields)
    with pytest.raises(BadRequest, match="may be taken for"):
        read_request("", kind, body.encode())


def test_other_names_may_look_as_they_like():
    fields = {"dripfeed": "1", "answer.number": "2", "extra[x]": "3", "Country": "XX", " note": "4", "action_": "5"}
    assert read_request(urlencode(fields), "", b"").fields == fields


def test_what_is_not_utf8_is_not_passed_on_as_something_else():
    with pytest.raises(BadRequest, match="not UTF-8"):
        read_request("", FORM, b"action=add&link=caf%E9")
