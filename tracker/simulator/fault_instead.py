"""Faults that replace the answer: the panel does not act on the call, so it changes nothing."""

import gzip
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tracker.simulator.loopback import LoopbackReply
from tracker.simulator.render import compact

HTML = {"Content-Type": "text/html; charset=UTF-8"}
HUGE = 6 * 2**20  # above the 5 MB at which a client should stop reading


@dataclass(frozen=True, slots=True)
class FaultPlace:
    """What a fault knows of the call that it replaces the answer to.

    key: the key that the client sent.
    retry_after: the value for Retry-After.
    elsewhere: a URL on this server that a good client does not call.
    refusal: the words of `strange_refusal`.
    """

    key: str
    retry_after: str
    elsewhere: str
    refusal: str = ""


def _page(status: int, title: str, place: FaultPlace | None = None) -> LoopbackReply:
    hint = {} if place is None else {"Retry-After": place.retry_after}
    return LoopbackReply(f"<html><body><h1>{title}</h1></body></html>".encode(), status, HTML | hint)


def _error(text: str, status: int = 200, place: FaultPlace | None = None) -> LoopbackReply:
    hint = {} if place is None else {"Retry-After": place.retry_after}
    return LoopbackReply(compact({"error": text}), status, {"Content-Type": "application/json"} | hint)


def _gzip_bomb(_place: FaultPlace) -> LoopbackReply:
    packed = gzip.compress(b"[" + b" " * (4 * HUGE) + b"]")
    return LoopbackReply(packed, headers={"Content-Type": "application/json", "Content-Encoding": "gzip"})


# name -> (description, the function that makes the reply)
INSTEAD: Mapping[str, tuple[str, Callable[[FaultPlace], LoopbackReply]]] = {
    "http_500": ("500 with an HTML page", lambda _: _page(500, "Internal Server Error")),
    "http_502": ("502 with an HTML page", lambda _: _page(502, "Bad Gateway")),
    "http_503": ("503 maintenance page with Retry-After", lambda p: _page(503, "Maintenance", p)),
    "http_429": (
        "429 with Retry-After",
        lambda p: _error("Rate limit exceeded. Try again later.", 429, p),
    ),
    "rate_limit_200": (
        "the rate limit as 200 and an error text",
        lambda _: _error("Too many requests. Limit 50/minute."),
    ),
    "html_200": (
        "200 with an HTML page",
        lambda _: LoopbackReply(b"<!DOCTYPE html><title>Just a moment...</title>", headers=HTML),
    ),
    "challenge_403": ("403 with a challenge page", lambda _: _page(403, "Checking your browser")),
    "empty_body": ("200 without a body", lambda _: LoopbackReply()),
    "database_200": (
        "a database outage as 200 and an error text",
        lambda _: _error("Database connection failed. Please try again later."),
    ),
    "error_500": ("500 with an error text", lambda _: _error("Service temporarily unavailable", 500)),
    "wrong_key": ("the key is refused", lambda _: _error("Invalid API key")),
    "key_echo": (
        "a temporary error that repeats the key",
        lambda p: _error(f"Service temporarily unavailable (request key={p.key})"),
    ),
    "strange_refusal": (
        "everything is refused in words of no known kind",
        lambda p: _error(p.refusal or "API bu kullanici icin kapali"),
    ),
    "null": ("200 with `null`", lambda _: LoopbackReply(b"null")),
    "empty_404": ("404 without an error text", lambda _: LoopbackReply(b"{}", 404)),
    "redirect": (
        "307 to another path",
        lambda p: LoopbackReply(b"", 307, {"Location": p.elsewhere, "Content-Type": "text/html"}),
    ),
    "deep_nesting": ("100,000 brackets deep", lambda _: LoopbackReply(b"[" * 100_000 + b"]" * 100_000)),
    "huge_body": ("six megabytes of blanks", lambda _: LoopbackReply(b"[" + b" " * HUGE + b"]")),
    "gzip_bomb": ("24 MB compressed to a few KB", _gzip_bomb),
}

# Answers to a batch only.
INSTEAD_OF_BATCH: Mapping[str, tuple[str, Callable[[FaultPlace], LoopbackReply]]] = {
    "batch_refused": ("a refusal as from a panel that does not know `orders`", lambda _: _error("Incorrect request")),
    "batch_order_error": ("one order error for the whole batch", lambda _: _error("Incorrect order ID")),
}
