"""The exceptions of the tracker. A class exists only where a caller acts differently on it."""

from collections.abc import Sequence
from enum import IntEnum, StrEnum


class Exit(IntEnum):
    """Exit codes of the command (sysexits.h where it has a word for it)."""

    DONE = 0
    PROBLEM = 1
    USAGE = 2
    TRY_LATER = 75
    CONFIG = 78


class TrackerError(Exception):
    """Base of every error the tracker raises on purpose."""


class UserError(TrackerError):
    """The user has to change something: all problems at once, each with its remedy."""

    def __init__(self, title: str, problems: Sequence[str] = (), exit_code: int = Exit.PROBLEM) -> None:
        self.title = title
        self.problems = list(problems)
        self.exit_code = exit_code
        super().__init__("\n".join([title, *(f"  {problem}" for problem in self.problems)]))


class Trouble(StrEnum):
    """Why a whole call to a panel failed. It never says anything about an order."""

    AUTH = "auth"  # key or account refused: one probe every 15 minutes
    RATE_LIMITED = "rate_limited"  # ask less for a while
    UNAVAILABLE = "unavailable"  # 5xx, no connection, DNS, TLS, deadline
    UNREADABLE = "unreadable"  # an answer, but none that the API knows
    REQUEST = "request"  # the panel does not know the action or the parameters
    BATCH_REFUSED = "batch_refused"  # the panel takes no lists: ask one by one
    REFUSED = "refused"  # the panel refuses this very call, in its own words
    REFUSES_ALL = "refuses_all"  # it refuses whatever is asked, in words of no known kind


class Cause(StrEnum):
    """What a failed call met: only an answer, or a silence, can be the fault of what was asked."""

    CONNECTION = "connection"  # none was made, or it broke before the call was sent
    ANSWER = "answer"  # or the start of one: a panel's worker that dies of an id cuts the connection
    SILENCE = "silence"  # no answer by the deadline


# A later call may well bring an answer; anything else needs a person.
PASSING_TROUBLES = frozenset({Trouble.UNAVAILABLE, Trouble.RATE_LIMITED, Trouble.UNREADABLE})


class PanelError(TrackerError):
    """A call to a panel failed as a whole.

    retry_after_s: how many seconds the panel asks us to stay away; None if it gives no (readable) hint.
    uncertain: the panel may have acted on the call although no answer came (matters to `add`).
    cause: what the call met.
    unclear: the panel refused in words of no known kind.
    said: the HTTP status and the body of its answer, without the key; None when there was no answer.
    """

    said: tuple[int, bytes] | None = None

    def __init__(
        self,
        kind: Trouble,
        message: str,
        retry_after_s: float | None = None,
        *,
        uncertain: bool = False,
        cause: Cause = Cause.ANSWER,
        unclear: bool = False,
    ) -> None:
        self.kind = kind
        self.message = message
        self.retry_after_s = retry_after_s
        self.uncertain = uncertain
        self.cause = cause
        self.unclear = unclear
        super().__init__(f"{kind}: {message}")


class ChannelError(TrackerError):
    """A delivery attempt failed.

    permanent: no later attempt can succeed.
    code: the HTTP status or exit code, if there was one.
    snippet: the start of what the other side said.
    address: where the attempt went (the address dialled, or the program), if it got that far.
    """

    def __init__(
        self,
        message: str,
        *,
        permanent: bool = False,
        code: int | None = None,
        snippet: str = "",
        retry_after_s: float | None = None,
        address: str = "",
    ) -> None:
        self.message = message
        self.permanent = permanent
        self.code = code
        self.snippet = snippet
        self.retry_after_s = retry_after_s
        self.address = address
        super().__init__(message)
