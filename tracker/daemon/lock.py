"""One tracker per database: a lock whose file says who holds it and that he is alive.

flock is the truth (the kernel drops it when the process dies, however it dies); what the file says
is for people, and stays when the process is killed: so the next one knows. Its modification time is the heartbeat
that `tracker health` looks at.
"""

import fcntl
import json
import os
from pathlib import Path
from typing import Any

from msgspec import Struct

from tracker import clock
from tracker.errors import Exit, UserError


class LockHolder(Struct, frozen=True):
    """Who runs, as the file tells it. beat_s: seconds since the last heartbeat. trouble: what does not work of it."""

    pid: int
    started_at: float
    version: str
    beat_s: float
    trouble: str = ""


class InstanceLock:
    """The lock, held from `take` until the process ends or `release`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None
        self._told: dict[str, Any] = {}
        self.unclean = False  # whoever had it before was killed, and nobody has looked since at what that left behind

    def take(self, version: str) -> None:
        """Raises UserError (75) naming the process that has it. Until `release` the file says who, on the disk."""
        file = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o640)
        while not _locked(file):
            # Nobody has it: then somebody like `tracker health` looked at it in this very moment.
            if (found := holder(self._path)) is not None:
                os.close(file)
                who = f"pid {found.pid}" if found.pid else "another process"
                raise UserError(
                    f"a tracker already runs on this database ({who})",
                    [f"stop it first, or give this one a database of its own (lock: {self._path})"],
                    Exit.TRY_LATER,
                )
        told = {"pid": os.getpid(), "started_at": clock.now(), "version": version}
        text = json.dumps(told).encode()
        self.unclean = os.fstat(file).st_size > 0
        os.pwrite(file, text, 0)
        os.ftruncate(file, len(text))  # after it: the file is never empty, wherever this is cut off
        os.fsync(file)
        self._file = file
        self._told = told

    def beat(self, trouble: str = "") -> None:
        """Still turning; trouble: what does not work, in words."""
        if self._file is None:
            return
        if trouble != self._told.get("trouble", ""):
            self._told["trouble"] = trouble
            # In one write, and never shorter than it was: who reads meanwhile finds one or the other.
            text = json.dumps(self._told).encode()
            os.pwrite(self._file, text.ljust(os.fstat(self._file).st_size), 0)
        os.utime(self._file)

    def looked_through(self) -> None:
        """What the one before left behind is sound."""
        self.unclean = False

    def release(self) -> None:
        """Let others have it; an empty file says that this was an end in order."""
        if self._file is not None:
            if not self.unclean:
                os.ftruncate(self._file, 0)
            os.close(self._file)
            self._file = None


def holder(path: Path) -> LockHolder | None:
    """Who holds the lock; None when nobody does."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        if _free(file):
            return None
        told: dict[str, Any] = json.loads(os.read(file, 4096) or b"{}")
        beat_s = clock.now() - os.fstat(file).st_mtime
        who = (int(told.get("pid", 0)), float(told.get("started_at", 0)), str(told.get("version", "")))
        return LockHolder(*who, beat_s, str(told.get("trouble", "")))
    except (ValueError, TypeError, AttributeError):
        return LockHolder(0, 0.0, "", 0.0)  # caught between taking the lock and writing the name
    finally:
        os.close(file)


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _free(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    fcntl.flock(file, fcntl.LOCK_UN)
    return True
