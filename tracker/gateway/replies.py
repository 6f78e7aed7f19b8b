"""What a client of the gateway is answered: the panel's own words, or the tracker's when there are none."""

import math

from msgspec import Struct

from tracker.core.gateway import answers
from tracker.db.errors import DatabaseTrouble
from tracker.errors import PanelError
from tracker.store import NoCall

AGAIN_S = 5  # when a client may try again what was not passed on, where that cannot be worked out
AGAIN_MAX_S = 3_600


class GatewayReply(Struct, frozen=True):
    """What a client is answered.

    how: fresh, asked, cached, passed_on, refused, unclear or failed.
    again_s: when it may try again.
    """

    code: int
    body: bytes
    how: str
    again_s: int | None = None


def refused(code: int, text: str, again_s: int | None = None) -> GatewayReply:
    return GatewayReply(code, answers.error(text), "refused", again_s)


def relayed(code: int, body: bytes, how: str) -> GatewayReply:
    """Returns a panel's answer as it came; a status code that HTTP does not have becomes 502."""
    return GatewayReply(code if 200 <= code <= 599 else 502, body, how)


CROWDED = refused(503, "Too many wait for this panel; nothing was passed on", AGAIN_S)


def failed(
    outcome: NoCall | Exception, unheard: str = "The panel does not answer", told: str = "The panel is not asked now"
) -> GatewayReply:
    """Returns the reply that says why there is no answer, in the panel's own words if there are any.

    unheard: what to say when the panel did not answer.
    told: what to say, before the reason, when there was no call.
    """
    if isinstance(outcome, PanelError) and outcome.said is not None:
        return relayed(*outcome.said, "failed")
    if isinstance(outcome, NoCall):
        again_s = AGAIN_S if outcome.again_s is None else min(max(1, math.ceil(outcome.again_s)), AGAIN_MAX_S)
        return GatewayReply(503, answers.error(f"{told}: {outcome.why}"), "failed", again_s)
    if isinstance(outcome, Exception) and not isinstance(outcome, PanelError | DatabaseTrouble):
        raise outcome
    return GatewayReply(503, answers.error(unheard), "failed", AGAIN_S)
