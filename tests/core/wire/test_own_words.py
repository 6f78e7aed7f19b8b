"""`error_map`: what a panel's own error texts mean, wherever an error can stand in an answer."""

import json

import pytest

from tests.core.wire.wire_answers import answer, order, status
from tracker.core import wire
from tracker.core.status import fold
from tracker.core.wire import Meaning, OwnWords
from tracker.errors import PanelError, Trouble

WORDS = OwnWords(
    errors={
        fold("Hesap kapali artik degil"): Meaning.SERVER,
        fold("Hesap kapali"): Meaning.ACCOUNT,
        fold("Siparis yok"): Meaning.NOT_FOUND,
    }
)
ACCOUNT, GONE, PASSING = "Hesap kapali (kod 17)", "Siparis yok!", "HESAP-KAPALI artik degil"
# Every place in which an error may stand.
PLACES = [
    {"error": "{}"},
    {"Error": "{}"},
    {"error": ["{}"]},
    {"errors": {"key": ["{}"]}},
    {"status": "error", "message": "{}"},
    {"success": False, "message": "{}"},
    {"success": False, "msg": "{}"},
    {"detail": "{}"},
    {"message": "{}"},
    {"status": "{}"},
    {"status": "{}", "data": []},
    "{}",
]
TROUBLES = [(ACCOUNT, Trouble.AUTH), (PASSING, Trouble.UNAVAILABLE)]


def filled(place, text):
    match place:
        case str():
            return place.format(text)
        case list():
            return [filled(one, text) for one in place]
        case dict():
            return {name: filled(one, text) for name, one in place.items()}
        case _:
            return place


@pytest.mark.parametrize("place", PLACES, ids=str)
@pytest.mark.parametrize(("text", "kind"), TROUBLES)
@pytest.mark.parametrize("http", [200, 400, 403, 404])
@pytest.mark.parametrize("asked", [("1",), ("1", "2")])
def test_an_error_of_the_call_means_what_the_map_says(place, text, kind, http, asked):
    with pytest.raises(PanelError) as caught:
        wire.read_status(answer(json.dumps(filled(place, text)), http, words=WORDS), asked)
    assert caught.value.kind is kind


READERS = [
    wire.read_balance,
    wire.read_services,
    wire.read_add,
    lambda said: wire.read_refill_status(said, ("7",)),
]


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(("text", "kind"), TROUBLES)
@pytest.mark.parametrize("http", [200, 404])
def test_it_does_so_for_every_kind_of_call(read, text, kind, http):
    with pytest.raises(PanelError) as caught:
        read(answer({"error": text}, http, words=WORDS))
    assert caught.value.kind is kind


@pytest.mark.parametrize(("text", "kind"), TROUBLES)
def test_with_a_code_of_500_too(text, kind):
    with pytest.raises(PanelError) as caught:
        wire.read_balance(answer({"error": text}, 500, words=WORDS))
    assert caught.value.kind is kind


@pytest.mark.parametrize("place", PLACES[:-3], ids=str)
def test_in_one_row_of_many_it_is_about_that_order(place):
    said = {"1": order(), "2": filled(place, GONE), "3": filled(place, ACCOUNT)}
    reading = status(said, "1", "2", "3", words=WORDS)
    assert set(reading.snapshots) == {"1"}
    assert {one: no.not_found for one, no in reading.refusals.items()} == {"2": True}
    assert reading.absent == ["3"], "a refusal of the account says nothing about an order"


def test_without_the_map_these_texts_refuse_one_order_and_nothing_else():
    reading = status({"error": ACCOUNT})
    assert [no.not_found for no in reading.refusals.values()] == [False]
    assert status({"error": GONE}, words=WORDS).refusals["1"].not_found is True


def test_the_longest_part_counts_and_the_map_goes_before_the_tables():
    assert WORDS.meaning_of(PASSING) is Meaning.SERVER
    own = OwnWords(errors={fold("Invalid API key"): Meaning.SERVER})
    assert own.meaning_of("invalid  api-key given") is Meaning.SERVER
    assert OwnWords().meaning_of("invalid api key given") is Meaning.ACCOUNT


def test_a_status_beside_data_is_an_error_only_where_the_order_is_not_found():
    reading = status({"1": order(status=ACCOUNT), "2": order(status=GONE)}, "1", "2", words=WORDS)
    assert reading.snapshots["1"].said == ACCOUNT
    assert reading.refusals["2"].not_found
