"""A folder with a configuration, a simulated panel behind it, and the command line on both."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.simulator import small_world
from tracker.cli import main
from tracker.simulator import Receiver, SimulatedPanel

KEY = "cli-key-7d1f0a9c3b52"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
HOOK_PATH = "hook/4f1d9a7c0b3e5d2f8a61"
SECRETS = (KEY, SECRET.removeprefix("whsec_"), HOOK_PATH)


class Said:
    """What one invocation came to. No secret is ever in it."""

    def __init__(self, code, out, err):
        assert not any(secret in out + err for secret in SECRETS), out + err
        assert "Traceback" not in err, err
        self.code, self.out, self.err = code, out, err

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def lines(self):
        return self.out.splitlines()


class Site:
    """`run` is in this process; `command` is what to start for a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "config.toml"
        (folder / "main.key").write_text(KEY + "\n")
        (folder / "main.key").chmod(0o600)

    def configure(self, url, hook=None, top="", **keys):
        """keys: of [panels.main]."""
        panel = {"url": url, "key_file": "main.key", "balance_every": "10m"} | keys
        lines = ['[daemon]\ndata_dir = "data"\n[web]\nlisten = ""', top, "[panels.main]"]
        lines += [f"{name} = {json.dumps(value)}" for name, value in panel.items()]
        if hook:
            lines += ["[hooks.ops]", 'type = "webhook"', f'url = "{hook}/{HOOK_PATH}"', f'secret = "{SECRET}"']
            lines += ['events = ["*"]', 'timeout = "3s"', 'retry_schedule = ["0s", "0s", "0s", "0s"]']
        self.file.write_text("\n".join(lines) + "\n")
        self.file.chmod(0o600)
        return self

    def run(self, *args, stdin=None):
        done = CliRunner().invoke(
            main, ["--config", str(self.file), *map(str, args)], input=stdin, env={"COLUMNS": None}
        )
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return Said(done.exit_code, done.stdout, done.stderr)

    def ok(self, *args, stdin=None):
        said = self.run(*args, stdin=stdin)
        assert said.code == 0, said.out + said.err
        return said

    def json(self, *args):
        return self.ok(*args, "--json").json

    def command(self, *args):
        return [sys.executable, "-m", "tracker", "--config", str(self.file), *map(str, args)]

    def process(self, *args, **options):
        """Started in the folder, and killed by whoever started it."""
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        # Whoever started the tests in the background has left SIGINT ignored, and that is inherited.
        fresh = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}
        return subprocess.Popen(self.command(*args), cwd=self.folder, env=environ(), **pipes | fresh | options)


def environ(**more):
    return {name: value for name, value in os.environ.items() if not name.startswith("TRACKER_")} | more


def wait_for(condition, what, timeout_s=20):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"waited {timeout_s} s in vain for {what}"
        time.sleep(0.02)


@pytest.fixture
def panel():
    """It stands at minute 15 and is moved by forward(): 1 in progress, 2 partial, 3 completed."""
    with SimulatedPanel(small_world(), speed=0, key=KEY) as simulated:
        simulated.forward(15 * 60)
        yield simulated


@pytest.fixture
def receiver():
    with Receiver(secret=SECRET) as listening:
        yield listening


@pytest.fixture
def site(tmp_path, panel):
    return Site(tmp_path).configure(panel.url)


@pytest.fixture
def told(tmp_path, panel, receiver):
    """A site whose hook `ops` hears everything."""
    return Site(tmp_path).configure(panel.url, hook=f"http://127.0.0.1:{receiver.port}")


@pytest.fixture
def daemon():
    """Starts `tracker run` for a site, and waits until it polls."""
    running = []

    def start(site):
        process = site.process("run", stdout=subprocess.DEVNULL, stderr=(site.folder / "log").open("w"))
        running.append(process)
        wait_for(lambda: "tracker.started" in (site.folder / "log").read_text(), "the daemon")
        return process

    yield start
    for process in running:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
