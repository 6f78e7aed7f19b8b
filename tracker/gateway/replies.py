"""What a client of the gateway is answered: the panel's own words, or the tracker's when there are none."""

from msgspec import Struct

from tracker.core.gateway import answers
from tracker.db.errors import DatabaseTrouble
from tracker.errors import PanelError
from tracker.store.claims import NoCall

AGAIN_S = 5  # when a client may try again what was not passed on


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


CROWDED = refused(503, "Too many wait for this panel; nothing was passed on", AGAIN_S)


def failed(outcome: NoCall | Exception, unheard: str = "The panel does not answer") -> GatewayReply:
    """Returns the reply that says why there is no answer, in the panel's own words if there are any.

    unheard: what to say when the panel did not answer.
    """
    if isinstance(outcome, PanelError) and outcome.said is not None:
        return GatewayReply(*outcome.said, "failed")
    if isinstance(outcome, NoCall):
        return GatewayReply(503, answers.error(f"The panel is not asked now: {outcome.why}"), "failed", AGAIN_S)
    if isinstance(outcome, Exception) and not isinstance(outcome, PanelError | DatabaseTrouble):
        raise outcome
    return GatewayReply(503, answers.error(unheard), "failed", AGAIN_S)
