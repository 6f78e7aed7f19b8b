"""Answers to clients: the panel's own bytes, put together."""

import json

from tracker.core.gateway import answers
from tracker.core.gateway.requests import GatewayRequest


def test_answers_keep_the_panels_own_bytes_and_their_order():
    ask = GatewayRequest("status", "k", {}, ("2", '"odd"', "1", "3"), many=True)
    entries = {"2": '{"charge": 1.10}', '"odd"': '{"error":"x"}', "1": '{"charge":"0.90000"}'}
    assert (
        answers.orders_answer(ask, entries)
        == b'{"2":{"charge": 1.10},"\\"odd\\"":{"error":"x"},"1":{"charge":"0.90000"}}'
    )
    single = GatewayRequest("status", "k", {}, ("1",))
    assert answers.orders_answer(single, entries) == b'{"charge":"0.90000"}'
    assert "says nothing" in json.loads(answers.orders_answer(single, {}))["error"]
    refills = GatewayRequest("refill_status", "k", {}, ("7", "x7", "8"), many=True)
    said = json.loads(answers.refills_answer(refills, {"7": '"Completed"', "x7": '{"error":"Refill not found"}'}))
    assert said == [{"refill": 7, "status": "Completed"}, {"refill": "x7", "status": {"error": "Refill not found"}}]


def test_an_id_of_many_digits_is_answered_too():
    long = "9" * 5_000
    refills = GatewayRequest("refill_status", "k", {}, (long,), many=True)
    assert json.loads(answers.refills_answer(refills, {long: answers.NOT_A_REFILL}))[0]["refill"] == long
