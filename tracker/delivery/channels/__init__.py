"""The ways out. A channel makes one attempt at one delivery and says how it went.

It decides nothing: when to try again, whom to pause and what to give up is `core.delivery.routing`.
"""

from typing import Protocol

from msgspec import Struct

# How much of what the other side said is kept with an attempt.
SNIPPET_BYTES = 512


class Delivery(Struct, frozen=True):
    """One event for one hook. `body` and `event_id` are the same on every attempt.

    more: the bodies of further events, later ones, that go out in the same message.
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
    """A success. code: HTTP status or exit code; address: what was dialled, or the program.

    snippet: what was said, more of it than is kept: whoever keeps it masks it first. truncated: that was not all.
    """

    code: int | None
    took_s: float
    snippet: str
    address: str
    truncated: bool = False


def snippet(masked: str) -> str:
    """As much as is kept of what the other side said, as any database can hold it (PostgreSQL takes no NUL)."""
    return masked.replace("\0", "\\x00").encode(errors="replace")[:SNIPPET_BYTES].decode(errors="ignore")


class Channel(Protocol):
    """Threads may share one."""

    def send(self, delivery: Delivery, now: float) -> Result:
        """Make one attempt. ChannelError when the other side did not take the event."""
        ...

    def close(self) -> None: ...
