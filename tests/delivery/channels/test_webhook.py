"""Deliveries over HTTP: what is sent, what counts as success, and what is never revealed."""

import json
import os
import subprocess
import sys
import time
from email.utils import formatdate

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

import tracker
from tests.defaults import hook_rules, webhook_config
from tests.net.certificates import certificate
from tests.net.servers import (
    Server,
    answer,
    close,
    drip_body,
    drip_headers,
    endless_body,
    garbage,
    hang,
    redirect,
    reset,
    unused_port,
)
from tracker.config.values import Secret
from tracker.delivery.channels import Delivery
from tracker.delivery.channels.webhook import WebhookChannel, signing_key
from tracker.errors import ChannelError

OLD = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NEW = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
TOKEN = "a-very-secret-token-0123456789"
BODY = json.dumps({"type": "order.completed", "data": {"order": {"id": "23501", "ref": "Zoë"}}}).encode()
DELIVERY = Delivery(
    id=7, hook="ops", event_id="evt_abc", event_type="order.completed", panel="main", attempt=3, body=BODY
)


def channel(server, *secrets, timeout_s=5.0, **config):
    url = getattr(server, "url", server)
    config = webhook_config(
        url=Secret(f"{url}/{TOKEN}?sig=x"),
        shown_url=url.removesuffix("/api/v2"),
        secrets=tuple(Secret(secret) for secret in secrets),
        **config,
    )
    return WebhookChannel(config, hook_rules(name="ops", timeout_s=timeout_s))


def failure(server, *secrets, timeout_s=5.0, now=1_795_400_000.0, **config):
    with pytest.raises(ChannelError) as caught:
        channel(server, *secrets, timeout_s=timeout_s, **config).send(DELIVERY, now)
    return caught.value


def test_the_very_bytes_arrive_with_id_attempt_and_version():
    with Server(answer(b"thank you", 202)) as server:
        result = channel(server).send(DELIVERY, 1_795_400_000.9)
        (request,) = server.requests
    assert (result.code, result.snippet, result.truncated) == (202, "thank you", False)
    assert result.address == server.address
    assert 0 < result.took_s < 5
    assert (request.method, request.body) == ("POST", BODY)
    headers = request.headers
    assert headers["content-type"] == "application/json"
    assert headers["user-agent"] == f"tracker/{tracker.__version__}"
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == ("evt_abc", "1795400000")
    assert headers["tracker-attempt"] == "3"
    assert "tracker-replay" not in headers
    assert "webhook-signature" not in headers


def test_a_replay_says_so_and_differs_in_nothing_else():
    replay = Delivery(**{name: getattr(DELIVERY, name) for name in DELIVERY.__struct_fields__} | {"replay": True})
    with Server(answer()) as server:
        channel(server).send(DELIVERY, 1.0)
        channel(server).send(replay, 1.0)
        first, second = server.requests
    assert second.headers.pop("tracker-replay") == "true"
    assert second.body == first.body
    assert second.headers == first.headers


@pytest.mark.parametrize("secrets", [[NEW], [OLD, NEW], [NEW, OLD], ["no prefix, just words", NEW]])
def test_the_reference_library_verifies_every_secret_of_a_rotation(secrets):
    with Server(answer()) as server:
        channel(server, *secrets).send(DELIVERY, time.time())
        (request,) = server.requests
    for secret in secrets:
        key = secret if secret.startswith("whsec_") else secret.encode()
        assert Webhook(key).verify(request.body, request.headers) == json.loads(BODY)
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + "A" * 32).verify(request.body, request.headers)


def test_each_attempt_is_signed_for_its_own_time():
    with Server(answer()) as server:
        webhook = channel(server, NEW)
        webhook.send(DELIVERY, time.time() - 3_600)
        webhook.send(DELIVERY, time.time())
        late, fresh = server.requests
    with pytest.raises(WebhookVerificationError, match="too old"):
        Webhook(NEW).verify(late.body, late.headers)
    Webhook(NEW).verify(fresh.body, fresh.headers)
    assert late.headers["webhook-id"] == fresh.headers["webhook-id"]
    assert late.headers["webhook-signature"] != fresh.headers["webhook-signature"]


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_***", "whsec_A"])
def test_a_secret_that_would_sign_nothing_is_refused(secret):
    with pytest.raises(ValueError, match="secret") as caught:
        signing_key(secret)
    assert "***" not in str(caught.value)


def test_an_unpadded_secret_is_the_same_secret():
    assert signing_key("whsec_YWJjZA") == signing_key("whsec_YWJjZA==") == b"abcd"


def test_connections_are_kept():
    with Server(answer()) as server:
        webhook = channel(server)
        for _ in range(5):
            webhook.send(DELIVERY, 1.0)
        webhook.close()
        assert server.connections == 1


@pytest.mark.parametrize("behaviour", [endless_body(200), drip_body(200, b"got it")], ids=["endless", "drip"])
def test_2xx_is_success_even_if_its_body_never_ends(behaviour):
    with Server(behaviour) as server:
        started = time.monotonic()
        webhook = channel(server, timeout_s=0.3)
        result = webhook.send(DELIVERY, 1.0)
        assert time.monotonic() - started < 1.5
        assert (result.code, result.truncated) == (200, True)
        assert result.snippet.startswith(("got it", "x" * 512))
        webhook.send(DELIVERY, 1.0)
        assert server.connections == 2  # the first one was closed, not kept


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_fails_and_its_address_is_never_called(code):
    with Server(answer()) as inside, Server(redirect(f"{inside.url}/{TOKEN}", code)) as server:
        error = failure(server)
        assert inside.connections == 0
    assert (error.permanent, error.code, error.retry_after_s) == (False, code, None)
    assert error.message == f"http://{server.address} answered {code}, a redirect to 127.0.0.1, not followed"


@pytest.mark.parametrize("behaviour", [answer(b"gone", 410), endless_body(410, b"gone")])
def test_410_is_for_good(behaviour):
    with Server(behaviour) as server:
        error = failure(server)
    assert (error.permanent, error.code, error.snippet[:4]) == (True, 410, "gone")


@pytest.mark.parametrize("code", [400, 401, 404, 408, 429, 500, 503, 600])
def test_any_other_code_may_be_success_some_day(code):
    with Server(answer(b"n\xf6 " + b"x" * 1_000, code)) as server:
        error = failure(server)
    assert (error.permanent, error.code, error.address) == (False, code, server.address)
    assert error.snippet == "n\ufffd " + "x" * 1_000


@pytest.mark.parametrize(
    ("code", "said", "seconds"),
    [
        (429, "30", 30.0),
        (503, formatdate(1_795_400_060, usegmt=True), 60.0),
        (503, "next week", None),
        (429, "999999999", 86_400.0),
        (500, "30", None),
        (410, "30", None),
    ],
)
def test_retry_after_counts_with_429_and_503_only(code, said, seconds):
    with Server(answer(b"", code, Retry_After=said)) as server:
        assert failure(server).retry_after_s == seconds


@pytest.mark.parametrize(
    "behaviour", [hang(), drip_headers(), drip_body(500)], ids=["hang", "slow headers", "slow failure"]
)
def test_an_attempt_ends_at_its_deadline(behaviour):
    with Server(behaviour) as server:
        started = time.monotonic()
        error = failure(server, timeout_s=0.3)
        assert 0.3 <= time.monotonic() - started < 1.5
    assert (error.permanent, error.address) == (False, server.address)


@pytest.mark.parametrize("behaviour", [reset(), close(), garbage()])
def test_a_broken_answer_is_a_failed_attempt_and_not_tried_again_here(behaviour):
    with Server(behaviour) as server:
        error = failure(server)
        assert len(server.requests) == 1
    assert (error.permanent, error.code, error.address) == (False, None, server.address)


def test_nobody_there_is_a_failed_attempt():
    address = f"127.0.0.1:{unused_port()}"
    error = failure(f"http://{address}/api/v2")
    assert (error.permanent, error.code, error.address) == (False, None, address)
    assert error.message == f"http://{address}: connect: Connection refused"


def test_neither_url_nor_secret_is_ever_told():
    echo = f"cannot POST /api/v2/{TOKEN}?sig=x, signed by {NEW}".encode()
    behaviours = answer(echo), answer(echo, 404), redirect(f"http://127.0.0.1/{TOKEN}"), garbage(), reset()
    with Server(*behaviours) as server:
        told = [channel(server, NEW).send(DELIVERY, 1.0).snippet]
        errors = [failure(server, NEW) for _ in behaviours[1:]]
    told += [text for error in errors for text in (str(error), error.snippet, repr(error.__cause__))]
    assert told[0].startswith("cannot POST")
    assert all(f"http://{server.address}" in str(error) for error in errors)
    for text in told:
        assert TOKEN not in text
        assert NEW.removeprefix("whsec_") not in text


def test_a_secret_across_the_end_of_the_snippet_is_masked_whole():
    with Server(answer(b"x" * 500 + TOKEN.encode(), 500)) as server:
        snippet = failure(server).snippet
    assert snippet == "x" * 500 + "***"


def test_own_headers_go_along_and_are_masked_in_what_comes_back():
    headers = {"Authorization": Secret("Bearer tok-5f1d8a20"), "X-Team": Secret("orders-9a7c41")}
    with Server(answer(b"no: Bearer tok-5f1d8a20", 403)) as server:
        error = failure(server, headers=headers)
        sent = server.requests[0].headers
    assert (sent["authorization"], sent["x-team"]) == ("Bearer tok-5f1d8a20", "orders-9a7c41")
    assert (sent["content-type"], sent["webhook-id"]) == ("application/json", "evt_abc")
    assert "tok-5f1d8a20" not in error.message + error.snippet


def test_a_private_authority_is_trusted_where_the_hook_says_so(tmp_path):
    cert, key = certificate(tmp_path)
    with Server(answer(b"thanks"), tls=(cert, key)) as server:
        assert channel(server, ca_file=cert).send(DELIVERY, 1.0).code == 200
        assert "self-signed certificate" in failure(server).message


def test_the_systems_authorities_are_trusted(tmp_path):
    """An operator's own authority is in the system's store; OpenSSL reads SSL_CERT_FILE as that store."""
    cert, key = certificate(tmp_path)
    send = (
        "import sys; from tracker.net.http import Exchanger\n"
        "print(Exchanger('tests/1.0').exchange('POST', sys.argv[1], timeout_s=5, max_bytes=99).http)"
    )
    with Server(answer(b"thanks"), tls=(cert, key)) as server:
        for store, expected in ((str(cert), "200"), ("", "")):
            environ = {**os.environ, "SSL_CERT_FILE": store} if store else dict(os.environ)
            done = subprocess.run(
                [sys.executable, "-c", send, server.url], env=environ, capture_output=True, text=True, check=False
            )
            assert done.stdout.strip() == expected, done.stderr
