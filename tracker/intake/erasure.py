"""Orders that are removed, and orders that are forgotten: in the journal, the database, and the file behind it.

SQLite leaves old bytes behind: in the write-ahead log until it is folded in, on pages it has taken out of use or
moved rows away from. So forgetting ends with a look at the file itself.
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

BATCH = 100  # orders a transaction takes: nobody waits long for the writer
LOOK_MAX = 60  # texts to look for one by one: with more, writing the file anew is quicker
PATIENCE_S = 30.0  # with those who read or write beside us


class ErasureResult(Struct, frozen=True):
    """known: the orders there was anything of. lines: of the journal. under_way: deliveries whose receivers are still
    to answer. clean: nothing of it is left in the database's file either, as far as that is ours to see to."""

    known: Collection[str]
    events: int
    lines: int
    under_way: int
    clean: bool


def remove(store: Store, journal: Journal, panel: str, ids: Sequence[str], now: float) -> list[str]:
    """Track these orders no more, and let no replay of the journal bring them back; returns those that were tracked."""
    with journal.held() as held:
        gone = [id_ for some in _batches(ids) for id_ in store.order_edits.remove(panel, some, now)]
        held.rewrite(JournalEraser(panel, ids, keep=False))
    return gone


def forget(
    store: Store, journal: Journal, panel: str, ids: Sequence[str], patience_s: float = PATIENCE_S
) -> ErasureResult:
    """Erase link, reference and tags of these orders and of their children, for good.

    The journal first: a replay fills in what is unknown. It is held until the rows are clean as well, so that no
    child is tracked with what is being forgotten of its parent.
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
    """Make it true on the disk; False while somebody is in the way."""
    database = store.database
    if database.path is None:
        return True  # what a server keeps of old rows is its operator's to sweep
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
    """The write-ahead log has become part of the file."""
    deadline = clock.monotonic() + patience_s
    while not database.checkpoint():  # it waits by itself for those who read
        if clock.monotonic() > deadline:
            return False
    return True


def _holds(file: Path, texts: Collection[str]) -> bool:
    """Whether any of these texts stands anywhere in the file, on a page in use or not."""
    wanted = {word.encode() for text in texts if len(text) >= SHORTEST for word in spellings(text)}
    with file.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return any(content.find(word) >= 0 for word in wanted)
