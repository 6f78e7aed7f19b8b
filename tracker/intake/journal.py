"""The journal: the file `intake.ndjson` with every accepted id, to be replayed after a backup is restored.

Rule 1: when `append` returns, the lines are on the disk.
Rule 2: a writer locks the file itself, and then checks that the file still has its name: `rewrite` puts a new file in
        its place.
"""

import errno
import fcntl
import json
import os
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tracker.core.dates import rfc3339
from tracker.core.money import money
from tracker.core.orders.new_orders import NewOrder

LineChange = Callable[[bytes], bytes]  # from a line, with its end, to the line that replaces it; b"" removes it


class Journal:
    """The append-only file of accepted ids; 0600."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def append(self, orders: Sequence[NewOrder], now: float, call: str | None = None) -> None:
        """Write orders to the disk. Raises OSError when the disk does not take all of them.

        call: the name of the gateway call that placed them.
        """
        with self.held() as journal:
            journal.append(orders, now, call)

    def of_calls(self, names: Container[str]) -> dict[str, dict[str, Any]]:
        """Returns the line of each of these gateway calls, by the call's name; calls without a line are left out."""
        found: dict[str, dict[str, Any]] = {}
        if not self._path.exists():
            return found
        with self._path.open("rb") as lines:
            for line in lines:
                row = _read(line) if b'"call"' in line else None
                if row is not None and row.get("call") in names:
                    found[row["call"]] = row
        return found

    @contextmanager
    def held(self) -> Iterator["Held"]:
        """Lock the journal: no other writer, in this process or another, writes to it meanwhile.

        Lock it before a transaction begins, never inside one.
        """
        held = self._take()
        try:
            yield held
        finally:
            held.close()

    def _take(self) -> "Held":
        while True:
            file = _opened(self._path, os.O_APPEND)
            if _is_named(file, self._path):
                return Held(self._path, file)
            os.close(file)  # the file was replaced while we waited for the lock


class Held:
    """The journal while its one writer holds the lock."""

    def __init__(self, path: Path, file: int) -> None:
        self._path = path
        self._file = file

    def append(self, orders: Sequence[NewOrder], now: float, call: str | None = None) -> None:
        """Like Journal.append. One write, so that a reader finds whole lines."""
        of_call = {} if call is None else {"call": call}
        lines = "".join(json.dumps(_entry(order, now) | of_call, ensure_ascii=False) + "\n" for order in orders)
        size = os.fstat(self._file).st_size
        # A disk that filled up in the middle of a line must not spoil the line after it.
        torn = size > 0 and os.pread(self._file, 1, size - 1) != b"\n"
        data = ("\n" * torn + lines).encode()
        if os.write(self._file, data) < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))
        os.fsync(self._file)
        if size == 0:
            _fsync_folder(self._path.parent)

    def rewrite(self, change: LineChange) -> int:
        """Replace the file by a copy with changed lines. Returns how many lines were changed.

        If the process is killed at any moment, the file is the old one or the new one. Raises OSError when the disk
        does not take the copy.
        """
        if not os.fstat(self._file).st_size:
            return 0
        beside = self._path.with_name(self._path.name + ".new")
        fresh = _opened(beside, os.O_APPEND | os.O_TRUNC)
        try:
            changed = self._copy(fresh, change)
            _owned_alike(self._file, fresh)
            os.fsync(fresh)
            beside.rename(self._path)
        except BaseException:
            os.close(fresh)
            beside.unlink(missing_ok=True)
            raise
        os.close(self._file)  # a writer that waited for it now sees that it was replaced, and locks the new one
        self._file = fresh
        _fsync_folder(self._path.parent)
        return changed

    def close(self) -> None:
        os.close(self._file)

    def _copy(self, to: int, change: LineChange) -> int:
        changed = 0
        with os.fdopen(os.dup(self._file), "rb") as old, os.fdopen(os.dup(to), "wb") as new:
            old.seek(0)
            for line in old:
                kept = change(line)
                changed += kept != line
                new.write(kept)
        return changed


def _read(line: bytes) -> dict[str, Any] | None:
    """Returns a line as a row; None for one that a crash cut off."""
    try:
        row = json.loads(line, parse_float=str)
    except ValueError:
        return None
    return row if isinstance(row, dict) else None


def _opened(path: Path, how: int) -> int:
    """Opens the file, created if needed, and locks it."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | how, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
    except BaseException:
        os.close(file)
        raise
    return file


def _is_named(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def _owned_alike(old: int, new: int) -> None:
    """Gives the copy the owner and mode of the old file: otherwise, after root made it, the owner could not append."""
    before = os.fstat(old)
    os.fchmod(new, before.st_mode)
    if (before.st_uid, before.st_gid) != (os.fstat(new).st_uid, os.fstat(new).st_gid):
        os.fchown(new, before.st_uid, before.st_gid)


def _fsync_folder(folder: Path) -> None:
    """Write the folder to the disk: a new file survives a crash only if its name does."""
    place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(place)
    finally:
        os.close(place)


def _entry(order: NewOrder, now: float) -> dict[str, Any]:
    facts = {
        "panel": order.panel,
        "id": order.remote_id,
        "service": order.service,
        "quantity": order.quantity,
        "charge": money(order.charge),
        "currency": order.currency,
        "link": order.link,
        "ref": order.ref,
        "tags": list(order.tags),
        "placed_at": order.placed_at,
        "status": order.status,
        "baseline": order.baseline,
        "just_placed": order.just_placed,
        "parent": order.parent,
    }
    return {"at": rfc3339(now)} | {key: value for key, value in facts.items() if value not in (None, [])}
