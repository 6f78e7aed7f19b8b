"""`tracker run`: the daemon."""

import os
import signal

import click

from tracker import log
from tracker.cli.app import App, pass_app
from tracker.daemon.run import run as run_daemon

EPILOG = """\b
Examples:
  tracker run                          in the foreground; Ctrl-C or SIGTERM stops it cleanly
  tracker --config /srv/t.toml run     with another configuration
  systemctl enable --now tracker       as a service: see systemd/README.md

Only one can run on a database; a second one exits 75 and names the first.
"""


@click.command(epilog=EPILOG)
@pass_app
def run(app: App) -> None:
    """Run the tracker: poll the panels and send events to the hooks until it is stopped.

    Logs go to stderr. The database is migrated first. SIGHUP reloads the configuration; a configuration with
    problems changes nothing.
    """
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until the daemon listens: there is nothing to reload yet
    log.log_uncaught()
    run_daemon(app.load, os.environ)
