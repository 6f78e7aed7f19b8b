"""Makes the objects that a configuration describes. Only `daemon` and the commands build, and only here."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from tracker.actions.context import ActionContext
from tracker.actions.orders import OrderActions
from tracker.config import Config, HookConfig, IntakeConfig, PanelConfig
from tracker.config.places import make_data_dir
from tracker.core.rules import HookRules, PollRules
from tracker.daemon.components import Components, GatewayComponent, HookComponent, IntakeComponent, PanelComponent
from tracker.daemon.section_digest import section_digest
from tracker.daemon.workers import Wakeups
from tracker.daemon.world import World
from tracker.db.database import Database, connect
from tracker.delivery.dispatcher import Dispatcher
from tracker.gateway.limits import waiters_each
from tracker.gateway.service import Gateway
from tracker.intake.commands import IntakeCommand
from tracker.intake.intake import Intake
from tracker.intake.journal import Journal
from tracker.log import Masker
from tracker.net.panel import PanelClient
from tracker.polling.poller import Poller
from tracker.polling.track_children import track_children
from tracker.store import Store

if TYPE_CHECKING:
    from tracker.web.server import WebServer


class _Shared(Struct, frozen=True):
    """What the objects of the sections are made with."""

    world: World
    masker: Masker
    wakeups: Wakeups
    database: Database
    store: Store
    journal: Journal
    intake: Intake


class _Reusable(Struct, frozen=True):
    """Objects of the previous components: each can be used again if the digest of its section is the same.

    clients, channels: of these panels and hooks that part alone can be used again.
    """

    panels: Mapping[str, PanelComponent] = {}
    clients: Mapping[str, PanelComponent] = {}
    hooks: Mapping[str, HookComponent] = {}
    channels: Mapping[str, HookComponent] = {}
    intakes: Mapping[str, IntakeComponent] = {}


def build(config: Config, previous: Components | None = None, world: World | None = None) -> Components:
    """Makes everything that `config` describes, without opening a connection.

    previous: the components of the configuration before. Objects that would be the same are taken from there.
    world: None: that of `previous`, else the real one.
    UserError (78) for a data directory, a database or a certificate that cannot be used.
    """
    make_data_dir(config.data_dir)
    world = world or (previous.world if previous is not None else World())
    shared = _shared(config, previous, world)
    old = _reusable(previous, shared)
    panels = {name: _panel(panel, shared, old) for name, panel in config.panels.items()}
    return Components(
        config=config,
        world=world,
        masker=shared.masker,
        wakeups=shared.wakeups,
        database=shared.database,
        store=shared.store,
        journal=shared.journal,
        intake=shared.intake,
        panels=panels,
        hooks={name: _hook(hook, shared, old) for name, hook in config.hooks.items()},
        intakes={name: _intake(intake, shared, old.intakes.get(name)) for name, intake in config.intakes.items()},
        gateway=_gateway(config, shared, panels, previous),
    )


def _shared(config: Config, previous: Components | None, world: World) -> _Shared:
    def agreeing(about: Callable[[Config], object]) -> Components | None:
        """The previous components, if their configuration says the same about this."""
        return previous if previous is not None and about(previous.config) == about(config) else None

    old = agreeing(Config.secrets)
    masker = old.masker if old else Masker(secret.reveal() for secret in config.secrets())
    wakeups = previous.wakeups if previous else Wakeups()
    old = agreeing(lambda of: of.database_url)
    database = old.database if old else connect(config.database_url, world.clock)
    old = agreeing(lambda of: (of.database_url, _hook_rules(of)))
    store = old.store if old else Store(database, _hook_rules(config), wakeups.wake)
    old = agreeing(lambda of: of.data_dir)
    journal = old.journal if old else Journal(config.data_dir / "intake.ndjson")
    old = agreeing(lambda of: (of.database_url, _hook_rules(of), of.data_dir, _panel_rules(of)))
    intake = old.intake if old else Intake(store, journal, _panel_rules(config))
    return _Shared(world, masker, wakeups, database, store, journal, intake)


def _hook_rules(config: Config) -> list[HookRules]:
    return [hook.rules for hook in config.hooks.values()]


def _panel_rules(config: Config) -> dict[str, PollRules]:
    return {name: panel.rules for name, panel in config.panels.items()}


def _reusable(previous: Components | None, shared: _Shared) -> _Reusable:
    if previous is None:
        return _Reusable()
    same_store = previous.store is shared.store
    same_masker = previous.masker is shared.masker
    return _Reusable(
        panels=previous.panels if same_store and previous.journal is shared.journal else {},
        clients=previous.panels,
        hooks=previous.hooks if same_store and same_masker else {},
        channels=previous.hooks,
        intakes=previous.intakes if previous.intake is shared.intake and same_masker else {},
    )


def _panel(config: PanelConfig, shared: _Shared, old: _Reusable) -> PanelComponent:
    # A certificate that was replaced under the same name is another section.
    digest = section_digest(config, _content(config.ca_file))
    whole, part = old.panels.get(config.name), old.clients.get(config.name)
    if whole is not None and whole.digest == digest:
        return whole
    world = shared.world
    if part is not None and part.digest == digest:
        client = part.client
    else:
        client = PanelClient(config, world.clock, world.exchanger(config))
    children = partial(track_children, shared.store, shared.journal, config.rules.children)
    return PanelComponent(digest, client, Poller(shared.store, client, config, world.chance, children, world.clock))


def _hook(config: HookConfig, shared: _Shared, old: _Reusable) -> HookComponent:
    digest = section_digest(config, _content(getattr(config.channel, "ca_file", None)))
    whole, part = old.hooks.get(config.name), old.channels.get(config.name)
    if whole is not None and whole.digest == digest:
        return whole
    world = shared.world
    way = part.channel if part is not None and part.digest == digest else world.channel(config)
    dispatcher = Dispatcher(shared.store, config.rules, way, shared.masker, world.chance, world.clock)
    return HookComponent(digest, way, dispatcher)


def _intake(config: IntakeConfig, shared: _Shared, old: IntakeComponent | None) -> IntakeComponent:
    digest = section_digest(config)
    if old is not None and old.digest == digest:
        return old
    return IntakeComponent(
        digest, IntakeCommand(config, shared.store, shared.intake, shared.masker, shared.world.clock)
    )


def _gateway(
    config: Config, shared: _Shared, panels: Mapping[str, PanelComponent], previous: Components | None
) -> GatewayComponent | None:
    if not config.gateway.clients:
        return None
    digest = section_digest(config.gateway)
    old = previous.gateway if previous is not None and previous.panels == panels else None
    if old is not None and old.digest == digest and previous is not None and previous.intake is shared.intake:
        return old
    clients = {name: panel.client for name, panel in panels.items()}
    pollers = {name: panel.poller for name, panel in panels.items()}
    made_with = (shared.database, shared.store, shared.intake, clients, pollers, shared.world.clock)
    return GatewayComponent(digest, Gateway(config.gateway, config.panels, *made_with))


def _content(file: Path | None) -> bytes:
    """The bytes of a file; b"" where there is none, or it cannot be read, which the client that needs it reports."""
    try:
        return b"" if file is None else file.read_bytes()
    except OSError:
        return b""


def dashboard(components: Components, not_ready: Callable[[], str]) -> "WebServer | None":
    """The server of dashboard, HTTP API and gateway, not started; None where the configuration has none.

    not_ready: why the tracker does not do its work at the moment; "" when it does.
    """
    # Imported only here, because Flask and waitress cost memory.
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
    site = WebContext(components.database, components.config.timezone, rules, hooks, components.masker, not_ready)
    orders = OrderActions(
        ActionContext(rules, components.store, components.world.clock.now), components.intake, components.journal
    )
    read, write = (token.reveal() if token else None for token in (web.read_token, web.write_token))
    news = EventWait(components.database)
    served = app.create(site, web.listen, web.hosts, read, Api(orders, news, write))
    if components.gateway is None:
        return WebServer(served, web.listen, news.end, warm=served.warm)
    from tracker.web.gateway import GatewayApp, beside
    from tracker.web.security import Hosts

    clients = [(client.key.reveal(), client.rules) for client in components.config.gateway.clients.values()]
    hosts = None if web.listen.path and not web.hosts else Hosts(web.listen, web.hosts)
    both = beside(served, GatewayApp(components.gateway.service, clients, hosts))
    panels = len(components.panels)
    return WebServer(both, web.listen, news.end, warm=served.warm, waiting=panels * waiters_each(panels))


def shown_hook(hook: HookConfig) -> dict[str, Any]:
    """The part of a hook's configuration that pages may show: no secret."""
    return {"hook": hook.name, "type": hook.type, "target": hook.target, "events": ", ".join(hook.rules.events)}


def lock_path(config: Config, database: Database) -> Path:
    """Where the instance lock is: beside the SQLite file, or in the data directory."""
    if database.path is not None:
        return database.path.with_name(database.path.name + ".lock")
    return config.data_dir / "tracker.lock"
