"""Faults in the bytes: the panel has acted, and its answer arrives changed, cut short or not at all."""

import json
from collections.abc import Callable, Mapping

from tracker.simulator.loopback import Exchange, LoopbackReply

DRIP_S = 0.05  # seconds between two bytes

# ---- bent: the whole answer arrives, but not as it should


def _bom(reply: LoopbackReply) -> None:
    reply.body = b"\xef\xbb\xbf\n" + reply.body


def _spaced(reply: LoopbackReply) -> None:
    reply.body = json.dumps(json.loads(reply.body), indent=4).encode()


def _html_type(reply: LoopbackReply) -> None:
    reply.headers["Content-Type"] = "text/html; charset=UTF-8"


def _php_warning(reply: LoopbackReply) -> None:
    reply.body = b"<br />\n<b>Warning</b>: Undefined index: runs in <b>api.php</b> on line 7<br />\n" + reply.body


def _with_500(reply: LoopbackReply) -> None:
    reply.status = 500


def _interim(reply: LoopbackReply) -> None:
    reply.interim = (103, 102, 103)


def _wrapped(reply: LoopbackReply) -> None:
    reply.body = b'{"status":"success","data":' + reply.body + b"}"


# name -> (description, whether the answer can still be read, the function that does it)
BENT: Mapping[str, tuple[str, bool, Callable[[LoopbackReply], None]]] = {
    "bom": ("a byte order mark and a blank line first", True, _bom),
    "spaced": ("pretty-printed JSON", True, _spaced),
    "html_type": ("JSON called text/html", True, _html_type),
    "interim": ("after interim answers (102, 103)", True, _interim),
    "wrapped": ("in an envelope: {status, data}", True, _wrapped),
    "php_warning": ("a PHP warning before the JSON", False, _php_warning),
    "answer_in_500": ("the right answer under a 500", False, _with_500),
}

# ---- broken: the answer does not arrive


def _truncated(exchange: Exchange, reply: LoopbackReply, _hang_s: float) -> None:
    exchange.write(reply.head() + reply.body[: len(reply.body) // 2])
    exchange.hang_up()


def _not_packed(exchange: Exchange, reply: LoopbackReply, _hang_s: float) -> None:
    reply.headers["Content-Encoding"] = "gzip"
    exchange.send(reply)
    exchange.hang_up()


def _bad_chunk(exchange: Exchange, reply: LoopbackReply, _hang_s: float) -> None:
    exchange.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + reply.body)
    exchange.hang_up()


def _many_headers(exchange: Exchange, reply: LoopbackReply, _hang_s: float) -> None:
    reply.headers |= {f"X-{n}": "1" for n in range(200)}
    exchange.send(reply)
    exchange.hang_up()


def reset(exchange: Exchange, _: object, _hang_s: float) -> None:
    """Ends the connection with a RST. Used by the receiver too, as are the next two."""
    exchange.reset()


def close_silently(exchange: Exchange, _: object, _hang_s: float) -> None:
    """Closes the connection without sending a byte."""
    exchange.hang_up()


def hang(exchange: Exchange, _: object, hang_s: float) -> None:
    """Sends nothing for `hang_s` seconds, then closes the connection."""
    exchange.linger(hang_s)
    exchange.hang_up()


def _garbage(exchange: Exchange, _reply: LoopbackReply, _hang_s: float) -> None:
    exchange.write(b"\x00\x16\x03\xfe\r\nSSH-2.0-nonsense\r\n\r\n")
    exchange.hang_up()


def _drip_headers(exchange: Exchange, reply: LoopbackReply, hang_s: float) -> None:
    _drip(exchange, reply.head()[:-2], hang_s)


def _drip_body(exchange: Exchange, reply: LoopbackReply, hang_s: float) -> None:
    if exchange.write(reply.head()):
        _drip(exchange, reply.body[:-1], hang_s)


def _drip(exchange: Exchange, data: bytes, hang_s: float) -> None:
    """Sends a byte at a time for `hang_s` seconds. `data` lacks the end that the client waits for."""
    left_s = hang_s
    for byte in data:
        if left_s <= 0 or not exchange.write(bytes((byte,))) or not exchange.linger(DRIP_S):
            break
        left_s -= DRIP_S
    exchange.linger(left_s)
    exchange.hang_up()


# name -> (description, the function that does it)
BROKEN: Mapping[str, tuple[str, Callable[[Exchange, LoopbackReply, float], None]]] = {
    "truncated": ("half of the body, then the connection closes", _truncated),
    "not_packed": ("called gzip, and it is not", _not_packed),
    "bad_chunk": ("chunked, with a chunk of no length", _bad_chunk),
    "many_headers": ("200 header lines", _many_headers),
    "reset": ("a reset connection (RST)", reset),
    "empty_reply": ("the connection closes without a byte", close_silently),
    "garbage": ("bytes that are not HTTP", _garbage),
    "hang": ("no answer until max_hang_s is over", hang),
    "drip_headers": ("headers byte by byte, never all of them", _drip_headers),
    "drip_body": ("the body byte by byte, never all of it", _drip_body),
}
