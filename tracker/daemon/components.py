"""What a configuration describes, as frozen objects: one for each panel, hook, intake command, and the gateway.

Rule 1: nothing here changes. A reload builds the next `Components`, which reuses the objects that would be the same.
Rule 2: an object is the same if its section is, and all that it was made with.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from tracker.config import Config
from tracker.daemon.workers import Wakeups
from tracker.daemon.world import World
from tracker.db.database import Database
from tracker.delivery.channels import Channel
from tracker.delivery.dispatcher import Dispatcher
from tracker.gateway.service import Gateway
from tracker.intake.commands import IntakeCommand
from tracker.intake.intake import Intake
from tracker.intake.journal import Journal
from tracker.log import Masker, get
from tracker.net.panel import PanelClient
from tracker.polling.poller import Poller
from tracker.store import Store
from tracker.store.panels import reading_of

log = get(__name__)

# digest: of the section, secrets and all (section_digest.py). It is kept in memory only, and in no repr.


@dataclass(frozen=True, eq=False)
class PanelComponent:
    """One [panels.NAME]: the client, and the poller that uses it."""

    digest: bytes = field(repr=False)
    client: PanelClient
    poller: Poller


@dataclass(frozen=True, eq=False)
class HookComponent:
    """One [hooks.NAME]: the channel, and the dispatcher that sends through it."""

    digest: bytes = field(repr=False)
    channel: Channel
    dispatcher: Dispatcher


@dataclass(frozen=True, eq=False)
class IntakeComponent:
    """One [intake.NAME]: the command that prints new orders."""

    digest: bytes = field(repr=False)
    command: IntakeCommand


@dataclass(frozen=True, eq=False)
class GatewayComponent:
    """[gateway] and its clients: the service that answers them."""

    digest: bytes = field(repr=False)
    service: Gateway


class _Closable(Protocol):
    def close(self) -> None: ...


@dataclass(frozen=True, eq=False)
class Components:
    """Everything a configuration describes. Made by `build.build`, replaced as a whole.

    world: what it was all made with.
    wakeups: where the worker pools register, so that the store can wake them.
    gateway: None where the configuration names no client of it.
    """

    config: Config
    world: World
    masker: Masker
    wakeups: Wakeups
    database: Database
    store: Store
    journal: Journal
    intake: Intake
    panels: Mapping[str, PanelComponent]
    hooks: Mapping[str, HookComponent]
    intakes: Mapping[str, IntakeComponent]
    gateway: GatewayComponent | None

    def prepare(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Make the rows match the configuration.

        meanwhile: called every so often while that takes long.
        """
        now = self.world.clock.now
        readings = {name: reading_of(panel.rules) for name, panel in self.config.panels.items()}
        self.store.panels.sync(readings, now())
        self._follow_panels(meanwhile)
        self.store.hooks.sync(self.config.hooks)
        self.store.intake_runs.sync({name: intake.every_s for name, intake in self.config.intakes.items()}, now())
        self.store.hooks.sync_deliveries(set(self.config.hooks), now())

    def close(self, kept: "Components | None" = None) -> None:
        """Close connections and kill child processes.

        kept: the components of the next configuration. The clients and channels that it uses too stay open.
        """
        for intake in self.intakes.values():
            intake.command.close()  # kills the run under way; the command can be run again afterwards
        still_used = set(kept._closables()) if kept is not None else set()
        for one in self._closables():
            if one not in still_used:
                one.close()

    def _closables(self) -> Iterator[_Closable]:
        yield from (hook.channel for hook in self.hooks.values())
        yield from (panel.client for panel in self.panels.values())

    def _follow_panels(self, meanwhile: Callable[[], None]) -> None:
        """Pause what belongs to panels that left the configuration; resume what belongs to those that are back."""
        rows: Counter[tuple[str, bool]] = Counter()
        while step := self.store.removed_panels.follow(self.config.panels, self.world.clock.now()):
            rows[step.panel, step.left] += step.rows
            meanwhile()
        for (panel, left), count in rows.items():
            if left:
                log.info("panel.left", panel=panel, paused=count)
            else:
                log.info("panel.returned", panel=panel, resumed=count)
