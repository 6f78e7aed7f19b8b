"""What commands share: the configuration, the database and the components, each made when it is first needed."""

import dataclasses
import os
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tracker.errors import PASSING_TROUBLES, Exit, PanelError, TrackerError, UserError

if TYPE_CHECKING:
    from tracker.actions.actions import Actions
    from tracker.config import Config, HookConfig, PanelConfig
    from tracker.core.masking import Masker
    from tracker.core.rules import PollRules
    from tracker.daemon.components import Components
    from tracker.db.database import Database


class App:
    """One invocation of the command line.

    verbosity: 0 for quiet, 1 to say what is done, 2 to say everything.
    """

    def __init__(self, ctx: click.Context, config_path: Path | None, verbosity: int) -> None:
        self.config_path = config_path
        self.verbosity = verbosity
        self._ctx = ctx
        self._masker: Callable[[str], str] = str

    @cached_property
    def config(self) -> "Config":
        """The configuration. Raises UserError (78) with every problem."""
        from tracker import log

        loaded, masker = self._load()
        log.setup(("warning", "info", "debug")[min(self.verbosity, 2)], "console", masker)
        return loaded

    def load(self) -> "Config":
        """Read the configuration once more, for a daemon that is told to reload."""
        loaded, _ = self._load()
        return dataclasses.replace(loaded, log_level="debug") if self.verbosity else loaded

    @cached_property
    def database(self) -> "Database":
        """The database, for commands that only read. It is open until the command ends, and is created if missing."""
        from tracker.db.database import connect

        return self._opened(connect(self.config.database_url))

    @cached_property
    def components(self) -> "Components":
        """Everything that the configuration describes, for commands that act. They read from `components.database`."""
        from tracker.daemon.build import build

        components = build(self.config)
        self._opened(components.database)
        self._ctx.call_on_close(components.close)
        return components

    @cached_property
    def actions(self) -> "Actions":
        """What this command may do."""
        from tracker.actions.actions import Actions

        parts = self.components
        commands = {name: intake.command for name, intake in parts.intakes.items()}
        channels = {name: hook.channel for name, hook in parts.hooks.items()}
        return Actions(self.config, parts.store, parts.intake, parts.journal, commands, channels)

    @property
    def rules(self) -> "dict[str, PollRules]":
        """The polling rules of each configured panel."""
        return {name: panel.rules for name, panel in self.config.panels.items()}

    def mask(self, text: str) -> str:
        """Hide every secret in `text`. There are none before the configuration is loaded."""
        return self._masker(text)

    def panel(self, name: str) -> "PanelConfig":
        """Returns a configured panel. Raises UserError (2) for any other name."""
        from tracker.config.names import configured

        return self.config.panels[configured("panel", name, self.config.panels)]

    def hook(self, name: str) -> "HookConfig":
        """Returns a configured hook. Raises UserError (2) for any other name."""
        from tracker.config.names import configured

        return self.config.hooks[configured("hook", name, self.config.hooks)]

    def _load(self) -> "tuple[Config, Masker]":
        from tracker import config
        from tracker.core.masking import Masker

        loaded = config.load(self.config_path, os.environ, cwd=Path.cwd())
        self._masker = masker = Masker(secret.reveal() for secret in loaded.secrets())
        return loaded, masker

    def _opened(self, database: "Database") -> "Database":
        from tracker.db import migrate

        self._ctx.with_resource(database.session())
        migrate.require(database)
        return database


pass_app = click.make_pass_decorator(App)


def print_error(error: TrackerError | OSError, app: App | None) -> Exit | int:
    """Print on stderr what went wrong, without secrets. Returns the exit code."""
    from tracker.core.text import safe_text

    title, problems, code = _words(error)
    mask = app.mask if app else str
    for line in (title, *(f"  {problem}" for problem in problems)):
        click.echo(safe_text(mask(line)), err=True)
    return code


def _words(error: TrackerError | OSError) -> tuple[str, list[str], int]:
    """Returns the title, the problems and the exit code of an error."""
    match error:
        case UserError():
            return error.title, error.problems, error.exit_code
        case PanelError():
            return str(error), [], Exit.TRY_LATER if error.kind in PASSING_TROUBLES else Exit.PROBLEM
        case TrackerError():
            return str(error), [], Exit.TRY_LATER
        case OSError():
            where = f"{error.filename}: " if error.filename else ""
            return f"{where}{error.strerror or error}", [], Exit.PROBLEM
