"""The table of ways in which a receiver can answer."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from tracker.simulator.fault_wire import close_silently, hang, reset
from tracker.simulator.loopback import Exchange, LoopbackReply

TEXT = {"Content-Type": "text/plain"}

Act = Callable[[Exchange, str, float], object]  # (exchange, Retry-After, seconds to hang at most)


class Behaviour(NamedTuple):
    """One way to answer. what: a short description. act: does it."""

    what: str
    act: Act


def _answer(status: int, body: bytes = b"", **headers: str) -> Act:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda exchange, _retry_after, _hang_s: exchange.send(LoopbackReply(body, status, TEXT | named))


def _retry_later(status: int) -> Act:
    return lambda exchange, retry_after, _hang_s: exchange.send(
        LoopbackReply(b"later", status, TEXT | {"Retry-After": retry_after})
    )


def _after_interim(exchange: Exchange, _retry_after: str, _hang_s: float) -> None:
    exchange.send(LoopbackReply(b"ok", 200, dict(TEXT), interim=(103, 102)))


def _garbage(exchange: Exchange, _retry_after: str, _hang_s: float) -> None:
    exchange.write(b"220 mail.example ESMTP\r\n")
    exchange.hang_up()


def _truncated(exchange: Exchange, _retry_after: str, _hang_s: float) -> None:
    exchange.write(LoopbackReply(status=200, headers=TEXT).head(length=1000) + b"half")
    exchange.hang_up()


def _endless(exchange: Exchange, _retry_after: str, hang_s: float) -> None:
    """Sends 200 at once, then a body that does not end before the time to hang is over."""
    exchange.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
    left_s = hang_s
    while left_s > 0 and exchange.write(b"." * 64) and exchange.linger(0.02):
        left_s -= 0.02
    exchange.hang_up()


BEHAVIOURS: Mapping[str, Behaviour] = {
    "ok": Behaviour("200", _answer(200, b"ok")),
    "interim": Behaviour("200 after interim answers (102, 103)", _after_interim),
    "not_packed": Behaviour("200, a body called gzip that is not", _answer(200, b"ok", Content_Encoding="gzip")),
    "no_content": Behaviour("204 without a body", _answer(204)),
    "fail": Behaviour("500", _answer(500, b"no")),
    "bad_request": Behaviour("400", _answer(400, b"bad")),
    "gone": Behaviour("410, which asks the sender to stop", _answer(410, b"gone")),
    "redirect": Behaviour("302 to another path", _answer(302, Location="/_elsewhere")),
    "retry_429": Behaviour("429 with Retry-After", _retry_later(429)),
    "retry_503": Behaviour("503 with Retry-After", _retry_later(503)),
    "hang": Behaviour("no answer until max_hang_s is over", hang),
    "reset": Behaviour("RST after the request was read", reset),
    "empty": Behaviour("closes without a byte", close_silently),
    "garbage": Behaviour("bytes that are not HTTP", _garbage),
    "truncated": Behaviour("200, a body shorter than announced", _truncated),
    "endless": Behaviour("200 headers, then a body without end", _endless),
}
