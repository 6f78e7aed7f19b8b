"""Removes and forgets orders: in the journal, in the database, and in the database's file.

SQLite leaves old bytes behind: in the write-ahead log until its checkpoint, and on pages that are no longer in use or
from which rows have moved. So forgetting ends with a search of the file itself.
"""

import mmap
from collections.abc import Collection, Sequence
from pathlib import Path

from msgspec import Struct

from tracker import clock
from tracker.core.orders.erasure import JournalEraser, spellings
from tracker.db.database import Database
from tracker.db.errors import DatabaseTrouble, persist
from tracker.intake.journal import Journal
from tracker.store import Store
from tracker.store.erasure import SHORTEST

BATCH = 100  # orders in one transaction, so that no other writer waits long
LOOK_MAX = 60  # texts to search for one by one; with more, rewriting the file is quicker
PATIENCE_S = 30.0  # how long to wait for other readers and writers


class ErasureResult(Struct, frozen=True):
    """What was erased.

    known: the orders of which anything was found.
    events: how many events were changed.
    lines: how many lines of the journal were changed.
    under_way: how many deliveries were being sent meanwhile; their receivers have yet to answer.
    clean: the database's file holds nothing of it either. Always true on PostgreSQL, whose files are its operator's.
    """

    known: Collection[str]
    events: int
    lines: int
    under_way: int
    clean: bool


def remove(store: Store, journal: Journal, panel: str, ids: Sequence[str], now: float) -> list[str]:
    """Stop tracking these orders, also after a replay of the journal; returns those that were tracked."""
    with journal.held() as held:
        gone = [id_ for some in _batches(ids) for id_ in store.order_edits.remove(panel, some, now)]
        held.rewrite(JournalEraser(panel, ids, keep=False))
    return gone


def forget(
    store: Store, journal: Journal, panel: str, ids: Sequence[str], patience_s: float = PATIENCE_S
) -> ErasureResult:
    """Erase link, reference and tags of these orders and of their children for good.

    The journal comes first, because a replay of it would fill the values in again. It stays locked until the rows
    are clean as well, so that no child is tracked meanwhile with the values of its parent.
    """
    with journal.held() as held:
        every = store.erasure.with_children(panel, ids)
        lines = JournalEraser(panel, every, keep=True)
        changed = held.rewrite(lines)
        done = [store.erasure.forget(panel, some, lines.erased.words) for some in _batches(every)]
    texts = set().union(*(part.words | part.tags for part in (lines.erased, *(one.erased for one in done))))
    return ErasureResult(
        known=lines.ids.union(*(one.known for one in done)),
        events=sum(one.events for one in done),
        lines=changed,
        under_way=sum(one.under_way for one in done),
        clean=_swept(store, texts, patience_s),
    )


def _batches(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[start : start + BATCH] for start in range(0, len(ids), BATCH)]


def _swept(store: Store, texts: Collection[str], patience_s: float) -> bool:
    """Remove the old bytes from the disk. Returns False when another reader or writer prevents it."""
    database = store.database
    if database.path is None:
        return True  # old rows in the files of a database server are its operator's business
    try:
        if not _folded_in(database, patience_s):
            return False
        if len(texts) > LOOK_MAX or _holds(database.path, store.erasure.held_by_nobody(texts)):
            persist(database.compact, patience_s)
            return _folded_in(database, patience_s)
    except DatabaseTrouble:
        return False
    return True


def _folded_in(database: Database, patience_s: float) -> bool:
    """Move the write-ahead log into the file. Returns False when that takes too long."""
    deadline = clock.monotonic() + patience_s
    while not database.checkpoint():  # checkpoint itself waits for readers
        if clock.monotonic() > deadline:
            return False
    return True


def _holds(file: Path, texts: Collection[str]) -> bool:
    """Whether any of these texts is anywhere in the file, on a page in use or not."""
    wanted = {word.encode() for text in texts if len(text) >= SHORTEST for word in spellings(text)}
    with file.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return any(content.find(word) >= 0 for word in wanted)
