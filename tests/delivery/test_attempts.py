"""What is stored about an attempt over a real socket or with a real program, for any answer."""

import pytest

from tests.databases import rows
from tests.defaults import hook_rules, webhook_config
from tests.net.servers import BROKEN_BODIES, Server, answer, drip_body, endless_body, head, interim, raw
from tracker import clock
from tracker.config.values import CommandConfig, Secret
from tracker.core.masking import Masker
from tracker.core.orders.new_orders import NewOrder
from tracker.delivery.channels.command import CommandChannel
from tracker.delivery.channels.webhook import WebhookChannel
from tracker.delivery.dispatcher import Dispatcher
from tracker.store import Store

KEY = "panel-key-0123456789abcdef"  # a secret that no channel knows of: a panel's
RULES = hook_rules(name="ops", events=("*",), timeout_s=1.0)

KEPT = "SELECT outcome, code, snippet, error, body_truncated FROM attempts ORDER BY id"


def attempted(database, channel):
    """Makes one attempt through this channel; returns its row and the state of the delivery."""
    store = Store(database, [RULES])
    store.new_orders.add([NewOrder("main", "1", baseline=False, just_placed=True)], clock.now())
    assert Dispatcher(store, RULES, channel, Masker([KEY]), lambda: 0.0, clock.SYSTEM).deliver_once()
    channel.close()
    ((outcome, code, snippet, error, truncated),) = rows(database, KEPT)
    ((state,),) = rows(database, "SELECT state FROM deliveries")
    return outcome, code, snippet, error, bool(truncated), state


def webhook(server):
    return WebhookChannel(webhook_config(Secret(server.url), "http://ops"), RULES)


def program(script):
    return CommandChannel(CommandConfig(("/bin/sh", "-c", script)), RULES)


@pytest.mark.parametrize("behaviour", [endless_body(200), drip_body(200, b"got it")], ids=["endless", "drip"])
def test_a_success_whose_body_never_ends_is_flagged(database, behaviour):
    with Server(behaviour) as server:
        outcome, code, _, error, truncated, state = attempted(database, webhook(server))
    assert (outcome, code, error, truncated, state) == ("delivered", 200, None, True, "delivered")


def test_a_body_that_ends_is_not_flagged(database):
    with Server(answer(b"thanks")) as server:
        assert attempted(database, webhook(server)) == ("delivered", 200, "thanks", None, False, "delivered")


def test_a_program_whose_output_was_too_long_is_flagged(database):
    outcome, code, snippet, _, truncated, _ = attempted(database, program("head -c 100000 /dev/zero | tr '\\0' x"))
    assert (outcome, code, snippet, truncated) == ("delivered", 0, "x" * 512, True)


@pytest.mark.parametrize("code", [200, 500])
def test_an_answer_with_a_nul_in_it_is_kept_like_any_other(database, code):
    """PostgreSQL refuses NUL: an attempt that cannot be stored would be made again for ever."""
    with Server(answer(b"a\0b", code)) as server:
        outcome, _, snippet, _, _, state = attempted(database, webhook(server))
    assert (outcome, state) == (("delivered", "delivered") if code == 200 else ("failed", "waiting"))
    assert snippet == "a\\x00b"


def test_a_program_that_prints_a_nul_has_delivered(database):
    assert attempted(database, program("printf 'a\\0b'"))[::5] == ("delivered", "delivered")


def test_of_a_long_answer_the_first_512_bytes_are_kept(database):
    with Server(answer("é".encode() * 1_000, 500)) as server:
        snippet = attempted(database, webhook(server))[2]
    assert snippet == "é" * 256


@pytest.mark.parametrize("way", ["webhook", "program"])
def test_no_half_of_a_secret_is_kept_where_the_answer_is_cut(database, way):
    said = "x" * 500 + KEY
    if way == "webhook":
        with Server(answer(said, 500)) as server:
            snippet = attempted(database, webhook(server))[2]
    else:
        snippet = attempted(database, program(f"printf {said}; exit 1"))[2]
    assert snippet == "x" * 500 + "***"


@pytest.mark.parametrize("name", BROKEN_BODIES)
def test_a_success_whose_body_is_broken_is_delivered_and_flagged(database, name):
    with Server(BROKEN_BODIES[name]) as server:
        assert attempted(database, webhook(server)) == ("delivered", 200, "", None, True, "delivered")
        assert len(server.requests) == 1


@pytest.mark.parametrize("code", [404, 500])
def test_a_failure_whose_body_is_broken_is_a_failure(database, code):
    with Server(raw(head(1_000, code) + b"cut")) as server:
        outcome, _, _, _, _, state = attempted(database, webhook(server))
    assert (outcome, state) == ("failed", "waiting")


def test_interim_answers_of_a_receiver_are_skipped(database):
    with Server(interim(100, 102, 103, then=answer(b"thanks"))) as server:
        assert attempted(database, webhook(server)) == ("delivered", 200, "thanks", None, False, "delivered")
