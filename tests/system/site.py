"""A tracker as its user runs it: a configuration file, a data directory, a process of its own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from tracker import clock
from tracker.config import load
from tracker.daemon.build import build
from tracker.db import migrate

KEY = "site-key-7f3a91c2d5e8"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Site:
    """`config` is TOML without [daemon] and [database], None for what is there; the log is a file beside it."""

    def __init__(self, folder: Path, config: str | None, database: str | None = None) -> None:
        self.folder = folder
        self.file = folder / "config.toml"
        self.log = folder / "tracker.log"
        if config is not None:
            self._write(config, database or "sqlite:///tracker.db")
        self.child: subprocess.Popen | None = None
        self.parts = build(load(self.file, {}, cwd=folder))
        migrate.migrate(self.parts.database)
        self.parts.prepare()

    def _write(self, config: str, url: str) -> None:
        self.file.write_text(
            f'[daemon]\ndata_dir = "data"\n[database]\nurl = "{url}"\n[log]\nlevel = "debug"\n'
            + ("" if "[web]" in config else '[web]\nlisten = ""\n')
            + config
        )
        self.file.chmod(0o600)

    def start(self, *, wait: bool = True) -> subprocess.Popen:
        before = self.log.read_text().count("tracker.started") if self.log.exists() else 0
        environ = {name: value for name, value in os.environ.items() if not name.startswith("TRACKER_")}
        with self.log.open("ab") as log:
            self.child = subprocess.Popen(
                [sys.executable, "-m", "tracker", "--config", str(self.file), "run"],
                stdout=log,
                stderr=log,
                env=environ,
                cwd=self.folder,
            )
        if wait:
            wait_for(lambda: self.log.read_text().count("tracker.started") > before, 20, "the tracker to start")
        return self.child

    def kill(self) -> None:
        """kill -9, whatever it is doing."""
        assert self.child is not None
        self.child.send_signal(signal.SIGKILL)
        self.child.wait(10)

    def stop(self) -> int:
        """SIGTERM; its exit code."""
        assert self.child is not None
        self.child.terminate()
        return self.child.wait(20)

    def track(self, ids: Iterable[str], panel: str = "main", *, baseline: bool | None = False) -> None:
        """Hand these orders over, by hand as it were: just placed unless told otherwise."""
        rows = ((n, {"panel": panel, "id": id_}) for n, id_ in enumerate(ids, 1))
        for taken in self.parts.intake.take(rows, clock.now(), baseline=baseline):
            assert not taken.bad, taken.bad

    def rows(self, sql: str, *params: object) -> list[tuple]:
        with self.parts.database.reading() as cur:
            return cur.run(sql, params).rows()

    def rows_changed(self, sql: str) -> None:
        """Change the rows behind the tracker's back."""
        with self.parts.database.transaction() as cur:
            cur.run(sql)

    def close(self) -> None:
        if self.child is not None and self.child.poll() is None:
            self.child.kill()
            self.child.wait(10)
        self.parts.close()


def panel_section(url: str, name: str = "main", **keys: object) -> str:
    lines = {"key": f'"{KEY}"', "poll_every": '"1s"', "balance_every": '"5s"', "timeout": '"3s"'}
    lines |= {"max_requests_per_minute": 600} | keys
    return f'[panels.{name}]\nurl = "{url}"\n' + _body(lines)


def hook_section(url: str, name: str = "ops", **keys: object) -> str:
    lines = {"events": '["*"]', "secret": f'"{SECRET}"', "timeout": '"3s"'} | keys
    return f'[hooks.{name}]\ntype = "webhook"\nurl = "{url}"\n' + _body(lines)


def _body(lines: dict[str, object]) -> str:
    """Keys of a section; None leaves one out."""
    return "".join(f"{key} = {value}\n" for key, value in lines.items() if value is not None)


def wait_for(condition: Callable[[], object], timeout_s: float, what: str) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"waited {timeout_s} s in vain for {what}"
        time.sleep(0.05)
