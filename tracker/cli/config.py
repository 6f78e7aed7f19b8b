"""`tracker config`: check and show the configuration."""

import click

from tracker import config as configuration
from tracker.cli.app import App, pass_app
from tracker.cli.params import counted
from tracker.core.text import safe_text

EPILOG = """\b
Examples:
  tracker config check                       print every problem; exits 78 when there is one
  tracker --config new.toml config check     check a new file before it replaces the old one
  tracker config show                        print every key, defaults included, secrets masked
"""


@click.group(epilog=EPILOG)
def config() -> None:
    """Check and show the configuration."""


@config.command()
@pass_app
def check(app: App) -> None:
    """Check the configuration and every secret file it names; connect to nothing."""
    found = app.config
    for warning in found.warnings:
        click.echo(safe_text(f"warning: {warning}"), err=True)
    counts = f"{counted(len(found.panels), 'panel')}, {counted(len(found.hooks), 'hook')}"
    click.echo(safe_text(f"{found.source or 'the environment'}: fine ({counts})"))


@config.command()
@pass_app
def show(app: App) -> None:
    """Print the configuration as TOML: defaults filled in, secrets masked."""
    click.echo(configuration.show(app.config), nl=False)
