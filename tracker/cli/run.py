"""`tracker run`."""

import os
import signal

import click

from tracker import log
from tracker.cli.app import App, pass_app
from tracker.daemon.run import run as run_daemon

EPILOG = """\b
Examples:
  tracker run                          in the foreground; Ctrl-C or SIGTERM ends it in order
  tracker --config /srv/t.toml run     with another configuration
  systemctl enable --now tracker       as a service: see systemd/README.md

Only one runs on a database; a second one exits 75 and names the first.
"""


@click.command(epilog=EPILOG)
@pass_app
def run(app: App) -> None:
    """Poll the panels and tell the hooks until told to stop.

    Logs go to stderr. The database is brought up to date first. SIGHUP reads the configuration anew; one
    with problems changes nothing.
    """
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until the daemon listens: there is nothing to reload yet
    log.log_uncaught()
    run_daemon(app.load, os.environ)
