"""Sends events over HTTP, signed as Standard Webhooks specifies (https://www.standardwebhooks.com, v1).

Rule 1: 2xx is success, even if the body that follows never ends or cannot be read; 3xx is failure, never followed.
Rule 2: 410 is permanent. Everything else may work later.
Rule 3: the URL is a secret: errors name its scheme and host, and answers are masked.
Rule 4: every address is checked (core.address_policy) each time before it is dialled. The next lookup may give
        another address, so a refused one is a failed attempt like any other.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from functools import partial
from urllib.parse import urlsplit

import tracker
from tracker import clock
from tracker.config.values import WebhookConfig
from tracker.core import address_policy
from tracker.core.masking import Masker
from tracker.core.rules import HookRules
from tracker.delivery.channels import Delivery, Result
from tracker.errors import ChannelError
from tracker.net.http import ExchangeError, Exchanger, HttpReply, retry_after_s
from tracker.net.sockets import RESOLVER, Find, vetted

# Bytes read of an answer; no receiver needs to say more about an event.
_BODY_MAX = 65_536
_GONE = 410
# The codes with which Retry-After is obeyed. With others it means something else (for a redirect) or nothing.
_ASK_TO_WAIT = frozenset({429, 503})


class WebhookChannel:
    """Sends to one webhook. Every failed attempt is a ChannelError."""

    def __init__(self, config: WebhookConfig, rules: HookRules, find: Find = RESOLVER.find) -> None:
        self._url = config.url.reveal()
        self._shown = config.shown_url
        self._keys = [signing_key(secret.reveal()) for secret in config.secrets]
        self._timeout_s = rules.timeout_s
        self._own_headers = {name: value.reveal() for name, value in config.headers.items()}
        secrets = [*(secret.reveal() for secret in config.secrets), *self._own_headers.values()]
        self._masked = Masker([self._url, *secrets])
        consent = address_policy.Consent(
            address_policy.written(urlsplit(self._url).hostname or ""), config.allow_private
        )
        self._exchanger = Exchanger(
            f"tracker/{tracker.__version__}",
            ca_file=config.ca_file,
            pool=rules.max_concurrency,
            find=vetted(find, partial(address_policy.refusal, consent=consent)),
        )

    def send(self, delivery: Delivery, now: float) -> Result:
        started = clock.monotonic()
        try:
            reply = self._exchanger.exchange(
                "POST",
                self._url,
                data=delivery.body,
                headers={**self._own_headers, **_headers(delivery, now, self._keys)},
                timeout_s=self._timeout_s,
                max_bytes=_BODY_MAX,
                accept_truncated=True,
            )
        except ExchangeError as error:
            if error.body_broken:
                return Result(error.http, clock.monotonic() - started, "", error.address, truncated=True)
            raise ChannelError(f"{self._shown}: {error}", address=error.address) from error
        snippet = self._masked(reply.body.decode(errors="replace"))
        if 200 <= reply.http < 300:
            return Result(reply.http, reply.took_s, snippet, reply.address, reply.truncated)
        raise ChannelError(
            self._masked(f"{self._shown} {_answered(reply)}"),
            permanent=reply.http == _GONE,
            code=reply.http,
            snippet=snippet,
            retry_after_s=retry_after_s(reply.headers, now) if reply.http in _ASK_TO_WAIT else None,
            address=reply.address,
        )

    def close(self) -> None:
        self._exchanger.close()


def signing_key(secret: str) -> bytes:
    """Returns the bytes to sign with. A `whsec_…` is base64, padded or not; any other text is used as it is.

    Raises ValueError for a `whsec_` that is not base64, and for an empty secret, which would sign nothing.
    """
    text = secret.removeprefix("whsec_").rstrip("=")
    try:
        padded = text + "=" * (-len(text) % 4)
        key = base64.b64decode(padded, validate=True) if secret.startswith("whsec_") else secret.encode()
    except binascii.Error:
        key = b""
    if not key:
        raise ValueError("a secret must not be empty, and a whsec_ one must be base64")
    return key


def signatures(delivery: Delivery, at: int, keys: Iterable[bytes]) -> str:
    """Returns the header `webhook-signature`: one `v1,…` for each key, so that either side may change keys first."""
    signed = f"{delivery.event_id}.{at}.".encode() + delivery.body
    digests = (hmac.digest(key, signed, hashlib.sha256) for key in keys)
    return " ".join(f"v1,{base64.b64encode(digest).decode('ascii')}" for digest in digests)


def _headers(delivery: Delivery, now: float, keys: Iterable[bytes]) -> Mapping[str, str]:
    """Returns the headers. The timestamp is that of the attempt: receivers refuse one that is minutes old."""
    headers = {
        "Content-Type": "application/json",
        "webhook-id": delivery.event_id,
        "webhook-timestamp": str(int(now)),
        "tracker-attempt": str(delivery.attempt),
    }
    if signature := signatures(delivery, int(now), keys):
        headers["webhook-signature"] = signature
    if delivery.replay:
        headers["tracker-replay"] = "true"
    return headers


def _answered(reply: HttpReply) -> str:
    if (host := reply.redirect_host) is None:
        return f"answered {reply.http}"
    return f"answered {reply.http}, a redirect{' to ' if host else ''}{host}, not followed"
