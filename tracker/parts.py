"""Building: what a configuration describes, as objects. Only `daemon` and the commands build, and only here."""

import random
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tracker import clock
from tracker.channels import Channel
from tracker.channels.apprise import AppriseChannel
from tracker.channels.command import CommandChannel
from tracker.channels.webhook import WebhookChannel
from tracker.collector import Collector
from tracker.config import AppriseConfig, CommandConfig, Config, HookConfig, PanelConfig, WebhookConfig
from tracker.database import Database, connect
from tracker.dispatcher import Dispatcher
from tracker.errors import Exit, UserError
from tracker.intake import Intake, Journal
from tracker.lanes import Lane
from tracker.log import Masker
from tracker.panel import Panel
from tracker.poller import Poller
from tracker.store import Store
from tracker.store.panels import reading_of

if TYPE_CHECKING:
    from tracker.web.server import WebServer


class Parts:
    """Everything a configuration describes, built once, closed in reverse."""

    def __init__(self, config: Config) -> None:
        self.config = config
        own_directory(config.data_dir)
        self.masker = Masker(secret.reveal() for secret in config.secrets())
        self.database: Database = connect(config.database_url)
        self.lanes: dict[str, Lane] = {}  # hook -> its lane, once there are lanes
        self.store = Store(self.database, [hook.rules for hook in config.hooks.values()], self._wake)
        self.panels: dict[str, Panel] = {}
        self.pollers = {name: self._poller(panel) for name, panel in config.panels.items()}
        self.channels: dict[str, Channel] = {name: channel(hook) for name, hook in config.hooks.items()}
        self.dispatchers = {name: self._dispatcher(hook) for name, hook in config.hooks.items()}
        rules = {name: panel.rules for name, panel in config.panels.items()}
        self.intake = Intake(self.store, Journal(config.data_dir / "intake.ndjson"), rules)
        self.collectors = {
            name: Collector(intake, self.store, self.intake, self.masker) for name, intake in config.intakes.items()
        }

    def prepare(self) -> None:
        """Make the rows match the configuration."""
        readings = {name: reading_of(panel.rules) for name, panel in self.config.panels.items()}
        self.store.sync_panels(readings, clock.now())
        self.store.sync_hooks(self.config.hooks)
        self.store.sync_intakes({name: intake.every_s for name, intake in self.config.intakes.items()}, clock.now())
        self.store.adopt_deliveries(set(self.config.hooks), clock.now())

    def close(self) -> None:
        for collector in self.collectors.values():
            collector.close()
        for channel_ in self.channels.values():
            channel_.close()
        for panel in self.panels.values():
            panel.close()

    def _wake(self, hooks: Iterable[str]) -> None:
        for hook in hooks:
            if hook in self.lanes:
                self.lanes[hook].kick()

    def _poller(self, config: PanelConfig) -> Poller:
        # The panel asks its poller whether the budget allows a second try; the poller owns the panel.
        panel = Panel(config, lambda: self.pollers[config.name].may_retry())  # noqa: PLW0108  it does not exist yet
        self.panels[config.name] = panel
        return Poller(self.store, panel, config, random.random)

    def _dispatcher(self, hook: HookConfig) -> Dispatcher:
        return Dispatcher(self.store, hook.rules, self.channels[hook.name], self.masker, random.random)


def own_directory(path: Path) -> None:
    """Make the data directory, 0700, or say why it cannot be used (78)."""
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise UserError(
            f"cannot use {path}: {error.strerror}",
            ["set daemon.data_dir to a directory this user may write"],
            Exit.CONFIG,
        ) from error


def channel(hook: HookConfig) -> Channel:
    """The way out of one hook."""
    if isinstance(hook.channel, WebhookConfig):
        return WebhookChannel(hook.channel, hook.rules)
    if isinstance(hook.channel, AppriseConfig):
        return AppriseChannel(hook.channel, hook.rules)
    return CommandChannel(hook.channel, hook.rules)


def dashboard(parts: Parts, ready: Callable[[], str]) -> "WebServer | None":
    """The dashboard's server, not started; None where there is none. ready: why the tracker is not, "" when it is.

    Loaded only here: Flask and waitress cost memory.
    """
    web = parts.config.web
    if web.listen is None:
        return None
    from tracker.web import app
    from tracker.web.server import WebServer
    from tracker.web.site import Site

    rules = {name: panel.rules for name, panel in parts.config.panels.items()}
    hooks = [shown_hook(hook) for hook in parts.config.hooks.values()]
    site = Site(parts.database, parts.config.timezone, rules, hooks, parts.masker, ready)
    token = web.read_token.reveal() if web.read_token else None
    return WebServer(app.create(site, web.listen, web.hosts, token), web.listen)


def shown_hook(hook: HookConfig) -> dict[str, Any]:
    """What may be seen of a hook's configuration."""
    way = hook.channel
    target = way.argv[0] if isinstance(way, CommandConfig) else way.shown_url
    return {"hook": hook.name, "type": hook.type, "target": target, "events": ", ".join(hook.rules.events)}


def lock_path(config: Config, database: Database) -> Path:
    """The instance lock: beside the SQLite file, or in the data directory."""
    if database.path is not None:
        return database.path.with_name(database.path.name + ".lock")
    return config.data_dir / "tracker.lock"
