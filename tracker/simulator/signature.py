"""Checks Standard Webhooks signatures, written from the specification and not with the tracker's own code.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import hashlib
import hmac
import time
from collections.abc import Mapping

TOLERANCE_S = 300.0


def problem(
    headers: Mapping[str, str],
    body: bytes,
    secrets: tuple[str, ...],
    now: float | None = None,
    tolerance_s: float = TOLERANCE_S,
) -> str:
    """Returns what is wrong with the signature in these headers; "" when it is good.

    headers: names in lower case.
    secrets: one valid `v1` signature by one of them is enough.
    now: seconds since the epoch; None for the present time.
    """
    message_id = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    if not message_id or "." in message_id:
        return "webhook-id is missing or contains a dot"
    if not timestamp.isdecimal():
        return "webhook-timestamp is not a number of seconds"
    if abs((time.time() if now is None else now) - int(timestamp)) > tolerance_s:
        return "webhook-timestamp is too far from now"
    signed = f"{message_id}.{timestamp}.".encode() + body
    given = [part.partition(",") for part in headers.get("webhook-signature", "").split(" ")]
    for secret in secrets:
        expected = sign(secret, signed)
        for version, _, signature in given:
            if version == "v1" and hmac.compare_digest(signature.encode(), expected.encode()):
                return ""
    return "no signature by a known secret"


def sign(secret: str, signed: bytes) -> str:
    """The base64 HMAC-SHA256 of `id.timestamp.body` under a `whsec_…` secret."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
