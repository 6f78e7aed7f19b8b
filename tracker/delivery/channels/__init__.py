"""What all channels share. A channel makes one attempt at one delivery and returns how it went.

It decides nothing: `core.delivery` decides when to try again, which hook to pause and what to give up.
"""

from typing import Protocol

from msgspec import Struct

# Bytes of an answer that are stored with an attempt.
SNIPPET_BYTES = 512


class Delivery(Struct, frozen=True):
    """One event for one hook. `body` and `event_id` are the same on every attempt.

    more: the bodies of later events that go out in the same message.
    """

    id: int
    hook: str
    event_id: str
    event_type: str
    panel: str
    attempt: int  # from 1
    body: bytes
    replay: bool = False
    more: tuple[bytes, ...] = ()


class Result(Struct, frozen=True):
    """A successful attempt.

    code: HTTP status or exit code.
    address: the address dialled, or the program.
    snippet: the answer, longer than what is stored: it must be masked before it is cut.
    truncated: the answer was longer than `snippet`.
    """

    code: int | None
    took_s: float
    snippet: str
    address: str
    truncated: bool = False


def snippet(masked: str) -> str:
    """Returns the part of an answer that is stored, in a form that any database takes (PostgreSQL refuses NUL)."""
    return masked.replace("\0", "\\x00").encode(errors="replace")[:SNIPPET_BYTES].decode(errors="ignore")


class Channel(Protocol):
    """A way to send events. Threads may share one."""

    def send(self, delivery: Delivery, now: float) -> Result:
        """Make one attempt. Raises ChannelError when the receiver did not take the event."""
        ...

    def close(self) -> None: ...
