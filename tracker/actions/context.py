"""What every action needs, and the checks that several actions share."""

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from tracker import clock
from tracker.config.names import configured
from tracker.core.ids import GIVEN_ID_SHAPE, valid_given_id
from tracker.core.rules import PollRules
from tracker.errors import Exit, UserError
from tracker.reports import panels
from tracker.store import Store
from tracker.store.panels import reading_of


class ActionContext(Struct, frozen=True):
    """The configured panels, the store that actions write through, and the clock they read.

    rules: the polling rules of each configured panel.
    """

    rules: Mapping[str, PollRules]
    store: Store
    now: Callable[[], float] = clock.now

    def panel(self, name: str) -> PollRules:
        """Returns the rules of a configured panel. Raises UserError (2) for any other name."""
        return self.rules[configured("panel", name, self.rules)]

    def panel_with_row(self, name: str) -> PollRules:
        """As `panel`. A panel that has never been polled gets its row in the database now."""
        rules = self.panel(name)
        self.store.panels.sync({name: reading_of(rules)}, self.now())
        return rules

    def panel_ever_known(self, name: str) -> None:
        """Raises UserError (2) for a panel that is not configured and never was: a panel that left has orders too."""
        if not panels.known(self.store.database, name):
            self.panel(name)


def require_ids(ids: Sequence[str]) -> None:
    """Raises UserError (2) that names every text which cannot be the id of an order or a refill."""
    if wrong := [remote_id for remote_id in ids if not valid_given_id(remote_id)]:
        problems = [f"{remote_id!r}: {GIVEN_ID_SHAPE}" for remote_id in wrong]
        raise UserError("not an id", problems, Exit.USAGE)
