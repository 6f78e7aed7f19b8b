"""One tracker per database: a lock file that says which process holds it and that it is alive.

flock is the truth: the kernel drops it when the process dies, however it dies. The content of the file is for people.
It stays when the process is killed, so that the next tracker knows. The file's modification time is the heartbeat that
`tracker health` looks at.
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
    """The process that holds the lock, as the file says.

    beat_s: seconds since its last heartbeat.
    trouble: what does not work in it; "" when everything does.
    """

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
        self._content: dict[str, Any] = {}
        self.unclean = False  # the last holder was killed, and the database it left behind has not been checked since

    def take(self, version: str) -> None:
        """Take the lock and write this process into the file, which keeps that until `release`.

        Raises UserError (75), naming the process that has the lock.
        """
        file = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o640)
        while not _locked(file):
            # Without a holder it was only locked for a moment, by something that looks at it: `tracker health`, say.
            if (found := holder(self._path)) is not None:
                os.close(file)
                who = f"pid {found.pid}" if found.pid else "another process"
                raise UserError(
                    f"a tracker already runs on this database ({who})",
                    [f"stop it first, or give this one a database of its own (lock: {self._path})"],
                    Exit.TRY_LATER,
                )
        content = {"pid": os.getpid(), "started_at": clock.now(), "version": version}
        text = json.dumps(content).encode()
        self.unclean = os.fstat(file).st_size > 0
        os.pwrite(file, text, 0)
        os.ftruncate(file, len(text))  # after writing: the file is never empty, wherever this is cut off
        os.fsync(file)
        self._file = file
        self._content = content

    def beat(self, trouble: str = "") -> None:
        """Note that this process is alive.

        trouble: what does not work, in words.
        """
        if self._file is None:
            return
        if trouble != self._content.get("trouble", ""):
            self._content["trouble"] = trouble
            # In one write, and never shorter than it was: a reader meanwhile finds the old content or the new.
            text = json.dumps(self._content).encode()
            os.pwrite(self._file, text.ljust(os.fstat(self._file).st_size), 0)
        os.utime(self._file)

    def looked_through(self) -> None:
        """Note that the database which the last holder left behind is sound."""
        self.unclean = False

    def release(self) -> None:
        """Let go of the lock. An empty file says that this tracker ended in order."""
        if self._file is not None:
            if not self.unclean:
                os.ftruncate(self._file, 0)
            os.close(self._file)
            self._file = None


def holder(path: Path) -> LockHolder | None:
    """The process that holds the lock; None if it is free."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        if _free(file):
            return None
        content: dict[str, Any] = json.loads(os.read(file, 4096) or b"{}")
        beat_s = clock.now() - os.fstat(file).st_mtime
        who = (int(content.get("pid", 0)), float(content.get("started_at", 0)), str(content.get("version", "")))
        return LockHolder(*who, beat_s, str(content.get("trouble", "")))
    except (ValueError, TypeError, AttributeError):
        return LockHolder(0, 0.0, "", 0.0)  # it has taken the lock and not yet written the file
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
