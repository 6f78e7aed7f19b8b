"""How the tests poll by hand."""

from tracker import clock
from tracker.daemon.components import Components
from tracker.store import Claim


def poll_named(parts: Components, *ids: str, panel: str = "main") -> None:
    """Ask about these orders now, due or not; the panel has to answer."""
    claim = parts.store.claims.claim_named(panel, ids, parts.config.panels[panel].rules, clock.now())
    assert isinstance(claim, Claim), claim
    assert parts.panels[panel].poller.call(claim) is None
