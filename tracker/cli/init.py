"""`tracker init`: write a first configuration."""

import os
import sys
from pathlib import Path

import click

from tracker.cli.app import App, pass_app
from tracker.config import urls
from tracker.config.parsers import section_name
from tracker.config.reading import Invalid
from tracker.config.toml import quote
from tracker.errors import Exit, UserError

EPILOG = """\b
Examples:
  tracker init
  tracker init --name main --url https://panel.example/api/v2 --key-stdin < key.txt
  sudo tracker init --systemd --url https://panel.example/api/v2

It asks nothing, overwrites nothing, and connects to nothing.
"""
EXAMPLE_URL = "https://panel.example/api/v2"

TEMPLATE = """\
# The configuration of tracker. Check it with: tracker config check
# It has only the usual keys; config.example.toml has every key, with its default.
{daemon}
[panels.{name}]
url = {url}
{key}
# Never more requests than this in any 60 seconds. Your shop may use the same key.
max_requests_per_minute = 30
# No open order waits longer than this for its next status, while that budget allows.
poll_every = "5m"

# Send an event when money runs low. Remove the "# " from the lines that you want.
# [panels.{name}.balance_alert]
# below = "20.00"
# runway_below = "12h"

# Where events are sent: to your own receiver, over HTTP and signed ...
# [hooks.ops]
# type = "webhook"
# url = "https://ops.example/hooks/orders"
# secret_file = "ops.secret"      # echo "whsec_$(openssl rand -base64 32)" > ops.secret

# ... or to your own program, with the event as JSON on its standard input.
# [hooks.script]
# type = "command"
# command = ["/usr/local/bin/on-order"]
# events = ["order.*"]
"""
DAEMON = """
[daemon]
# Where the database and everything else that must survive a restart is kept.
data_dir = "data"
"""
DROP_IN = """\
# Written by `tracker init --systemd`: hands the panel's key to the daemon, which cannot read the file itself.
[Service]
LoadCredential={name}.key:/etc/tracker/{name}.key
# For an installation elsewhere than /opt/tracker:
#ExecStart=
#ExecStart=/usr/local/bin/tracker run
"""


@click.command(epilog=EPILOG)
@click.option("--name", default="main", help="Your name for the panel (default: main).")
@click.option("--url", default=EXAMPLE_URL, help="The address of its API; without it an example that you replace.")
@click.option("--key-stdin", is_flag=True, help="Read its API key from stdin; without it the key file is left empty.")
@click.option("--systemd", is_flag=True, help="For the service: under /etc/tracker, with a drop-in for the unit.")
@click.option(
    "--root", default="/", type=click.Path(path_type=Path), help="With --systemd: write below this instead of /."
)
@pass_app
def init(app: App, name: str, url: str, key_stdin: bool, systemd: bool, root: Path) -> None:
    """Write a first configuration, and a key file that only you can read."""
    _check(name, url)
    key = sys.stdin.readline().strip() + "\n" if key_stdin else ""
    if systemd:
        files = _service_files(root, name, url, key)
    else:
        config = app.config_path or Path("config.toml")
        files = [(config, _own(name, url), 0o600), (config.with_name(f"{name}.key"), key, 0o600)]
    if there := [str(path) for path, _, _ in files if path.exists()]:
        raise UserError("nothing written: init overwrites nothing", [f"{path} is already there" for path in there])
    for path, text, mode in files:
        _write(path, text, mode)
        click.echo(f"wrote {path}")
    click.echo("\nNext:")
    for step in _steps(files, url, key, systemd=systemd):
        click.echo(f"  {step}")


def _check(name: str, url: str) -> None:
    problems = []
    for option, check, value in (("--name", section_name, name), ("--url", _panel_url, url)):
        try:
            check(value)
        except Invalid as wrong:
            problems.append(f"{option} {value}: {wrong}")
    if problems:
        raise UserError("nothing written", problems, Exit.USAGE)


def _panel_url(value: object) -> None:
    urls.check_http(str(value), plain_http=False)


def _own(name: str, url: str) -> str:
    how = "# A file that holds your API key and nothing else; only you can read it.\n"
    return TEMPLATE.format(daemon=DAEMON, name=name, url=quote(url), key=f"{how}key_file = {quote(name + '.key')}")


def _service_files(root: Path, name: str, url: str, key: str) -> list[tuple[Path, str, int]]:
    """Returns (path, text, mode) of each file. Only root can read the key, so the configuration names a credential."""
    how = f"# The key stays in /etc/tracker/{name}.key, which systemd hands over: see the unit's drop-in.\n"
    config = TEMPLATE.format(daemon="", name=name, url=quote(url), key=f"{how}key_credential = {quote(name + '.key')}")
    etc = root / "etc"
    return [
        (etc / "tracker" / "config.toml", config, 0o644),
        (etc / "tracker" / f"{name}.key", key, 0o600),
        (etc / "systemd/system/tracker.service.d" / f"key-{name}.conf", DROP_IN.format(name=name), 0o644),
    ]


def _write(path: Path, text: str, mode: int) -> None:
    """Write a new file, which has its mode from the first moment on."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(file, "w", encoding="utf-8") as out:
        os.fchmod(file, mode)  # the umask may have taken bits away
        out.write(text)


def _steps(files: list[tuple[Path, str, int]], url: str, key: str, *, systemd: bool) -> list[str]:
    config, key_file = files[0][0], files[1][0]
    named = "" if config == Path("config.toml") else f"--config {config} "
    return [
        *([f"put the address of your panel into {config}"] if url == EXAMPLE_URL else []),
        *([] if key else [f"put its API key into {key_file}"]),
        *(
            ["systemctl daemon-reload", "systemctl enable --now tracker", "journalctl -fu tracker"]
            if systemd
            else [f"tracker {named}config check", f"tracker {named}orders import orders.csv", f"tracker {named}run"]
        ),
    ]
