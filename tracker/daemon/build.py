"""Building: what a configuration describes, as objects. Only `daemon` and the commands build, and only here."""

import random
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tracker import clock
from tracker.config import AppriseConfig, CommandConfig, Config, HookConfig, PanelConfig, WebhookConfig
from tracker.config.places import make_data_dir
from tracker.daemon.workers import WorkerPool
from tracker.db.database import Database, connect
from tracker.delivery.channels import Channel
from tracker.delivery.channels.apprise import AppriseChannel
from tracker.delivery.channels.command import CommandChannel
from tracker.delivery.channels.webhook import WebhookChannel
from tracker.delivery.dispatcher import Dispatcher
from tracker.gateway.limits import waiters_each
from tracker.gateway.service import Gateway
from tracker.intake.commands import IntakeCommand
from tracker.intake.intake import Intake
from tracker.intake.journal import Journal
from tracker.log import Masker, get
from tracker.net.panel import PanelClient
from tracker.polling.poller import Poller
from tracker.polling.track_children import track_children
from tracker.store import Store
from tracker.store.panels import reading_of

if TYPE_CHECKING:
    from tracker.web.server import WebServer

log = get(__name__)


class Components:
    """Everything a configuration describes, built once, closed in reverse."""

    def __init__(self, config: Config) -> None:
        self.config = config
        make_data_dir(config.data_dir)
        self.masker = Masker(secret.reveal() for secret in config.secrets())
        self.database: Database = connect(config.database_url)
        self.pools: dict[str, WorkerPool] = {}  # hook -> its lane, once there are lanes
        self.store = Store(self.database, [hook.rules for hook in config.hooks.values()], self._wake)
        self.panels: dict[str, PanelClient] = {}
        self.journal = Journal(config.data_dir / "intake.ndjson")
        rules = {name: panel.rules for name, panel in config.panels.items()}
        self.intake = Intake(self.store, self.journal, rules)
        self.pollers = {name: self._poller(panel) for name, panel in config.panels.items()}
        self.channels: dict[str, Channel] = {name: channel(hook) for name, hook in config.hooks.items()}
        self.dispatchers = {name: self._dispatcher(hook) for name, hook in config.hooks.items()}
        self.intake_commands = {
            name: IntakeCommand(intake, self.store, self.intake, self.masker) for name, intake in config.intakes.items()
        }

    def gateway(self) -> Gateway | None:
        """The gateway of these parts; None where nobody may use one."""
        settings = self.config.gateway
        if not settings.clients:
            return None
        shared = (self.database, self.store, self.intake, self.panels, self.pollers)
        return Gateway(settings, self.config.panels, *shared)

    def prepare(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Make the rows match the configuration. meanwhile: called every so often, where that takes long."""
        readings = {name: reading_of(panel.rules) for name, panel in self.config.panels.items()}
        self.store.panels.sync(readings, clock.now())
        self._follow_panels(meanwhile)
        self.store.hooks.sync(self.config.hooks)
        self.store.intake_runs.sync({name: intake.every_s for name, intake in self.config.intakes.items()}, clock.now())
        self.store.hooks.sync_deliveries(set(self.config.hooks), clock.now())

    def _follow_panels(self, meanwhile: Callable[[], None]) -> None:
        """Pause what belongs to panels that left the configuration, bring back what belongs to those that are back."""
        rows: Counter[tuple[str, bool]] = Counter()
        while step := self.store.removed_panels.follow(self.config.panels, clock.now()):
            rows[step.panel, step.left] += step.rows
            meanwhile()
        for (panel, left), count in rows.items():
            if left:
                log.info("panel.left", panel=panel, paused=count)
            else:
                log.info("panel.returned", panel=panel, resumed=count)

    def close(self) -> None:
        for command in self.intake_commands.values():
            command.close()
        for channel_ in self.channels.values():
            channel_.close()
        for panel in self.panels.values():
            panel.close()

    def _wake(self, hooks: Iterable[str]) -> None:
        for hook in hooks:
            if hook in self.pools:
                self.pools[hook].kick()

    def _poller(self, config: PanelConfig) -> Poller:
        self.panels[config.name] = panel = PanelClient(config)
        children = partial(track_children, self.store, self.journal)
        return Poller(self.store, panel, config, random.random, children)

    def _dispatcher(self, hook: HookConfig) -> Dispatcher:
        return Dispatcher(self.store, hook.rules, self.channels[hook.name], self.masker, random.random)


def channel(hook: HookConfig) -> Channel:
    """The way out of one hook."""
    if isinstance(hook.channel, WebhookConfig):
        return WebhookChannel(hook.channel, hook.rules)
    if isinstance(hook.channel, AppriseConfig):
        return AppriseChannel(hook.channel, hook.rules)
    return CommandChannel(hook.channel, hook.rules)


def dashboard(components: Components, ready: Callable[[], str], gateway: Gateway | None = None) -> "WebServer | None":
    """The server of dashboard and gateway, not started; None where there is none.

    ready: why the tracker is not, "" when it is.

    Loaded only here: Flask and waitress cost memory.
    """
    web = components.config.web
    if web.listen is None:
        return None
    from tracker.web import app
    from tracker.web.api import Api
    from tracker.web.api.event_wait import EventWait
    from tracker.web.context import WebContext
    from tracker.web.server import WebServer

    rules = {name: panel.rules for name, panel in components.config.panels.items()}
    hooks = [shown_hook(hook) for hook in components.config.hooks.values()]
    site = WebContext(components.database, components.config.timezone, rules, hooks, components.masker, ready)
    read, write = (token.reveal() if token else None for token in (web.read_token, web.write_token))
    news = EventWait(components.database)
    served = app.create(site, web.listen, web.hosts, read, Api(components.intake, news, write))
    if gateway is None:
        return WebServer(served, web.listen, news.end, warm=served.warm)
    from tracker.web.gateway import GatewayApp, beside
    from tracker.web.security import Hosts

    clients = [(client.key.reveal(), client.rules) for client in components.config.gateway.clients.values()]
    hosts = None if web.listen.path and not web.hosts else Hosts(web.listen, web.hosts)
    both = beside(served, GatewayApp(gateway, clients, hosts))
    panels = len(components.panels)
    return WebServer(both, web.listen, news.end, warm=served.warm, waiting=panels * waiters_each(panels))


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
