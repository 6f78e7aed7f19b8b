"""Erases link, reference and tags of orders from every table that holds them.

An event keeps its id and its place in the log. Deliveries that still wait go out without them.
"""

import json
from collections.abc import Collection, Iterable, Sequence

from msgspec import Struct

from tracker.core.orders.erasure import ErasedTexts, cleaned_body, spellings
from tracker.db.database import Cursor, Database
from tracker.db.sql import IDS_MAX, placeholders, portions
from tracker.store import daily_stats
from tracker.store.sql import believed_order

SHORTEST = 4  # characters: a shorter text stands in other texts by chance
INSTEAD = "[forgotten]"

_EVENTS = "SELECT id FROM events WHERE panel = ? AND kind = 'order' AND remote_id = ?"
_DELIVERIES = f"SELECT id FROM deliveries WHERE event IN ({_EVENTS})"
# All attempts of the messages that held the order's deliveries: a receiver's answer is about the whole message.
_MESSAGES = f"(hook, started_at) IN (SELECT hook, started_at FROM attempts WHERE delivery_id IN ({_DELIVERIES}))"

# The places that hold words of panels and receivers: table, column, which rows.
_ELSEWHERE = (
    ("poll_runs", "error", "panel = ? AND error IS NOT NULL"),
    ("panels", "trouble_message", "name = ?"),
    ("alerts", "reason", "panel = ?"),
    ("gateway_calls", "reason", "panel = ? AND reason IS NOT NULL"),
    ("events", "body", "panel = ? AND kind = 'gateway'"),
    ("events", "body", "panel = ? AND kind = 'panel'"),
    ("events", "body", "panel = '' AND kind = 'hook'"),
    ("hooks", "reason", "reason <> ''"),
)


class Forgotten(Struct):
    """What was erased.

    known: the orders of which the database had anything. erased: the texts. events: how many events the orders have.
    under_way: how many of their deliveries are being sent, so that an answer to them is still to come.
    """

    known: set[str]
    erased: ErasedTexts
    events: int = 0
    under_way: int = 0


class ErasureStore:
    """Erases the personal facts of orders."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def with_children(self, panel: str, remote_ids: Sequence[str]) -> list[str]:
        """Returns these orders and their children, which got link, reference and tags from them."""
        found = dict.fromkeys(remote_ids)
        fresh = list(found)
        with self._database.reading() as cur:
            while fresh:
                some, fresh = fresh[:IDS_MAX], fresh[IDS_MAX:]
                sql = f"SELECT remote_id FROM orders WHERE panel = ? AND parent IN ({placeholders(some)})"
                children = [row[0] for row in cur.run(sql, (panel, *some)).rows() if row[0] not in found]
                found |= dict.fromkeys(children)
                fresh += children
        return list(found)

    def forget(self, panel: str, remote_ids: Sequence[str], words: Collection[str] = ()) -> Forgotten:
        """Erases link, reference and tags of these orders wherever they stand, whether they are still tracked or not.

        words: further links and references of these orders, found in the journal.
        """
        done = Forgotten(set(), ErasedTexts({*words}, set()))
        with self._database.erasing() as cur:
            for remote_id in remote_ids:
                self._forget_row(cur, panel, remote_id, done)
                self._forget_call(cur, panel, remote_id, done)
                self._forget_events(cur, panel, remote_id, done)
                self._forget_answers(cur, panel, remote_id, done)
            for tag in done.erased.tags:
                self._forget_sums(cur, panel, tag)
            self._forget_tries(cur, panel, sorted(done.erased.words))
            self._forget_elsewhere(cur, panel, done.erased.words)
        return done

    def held_by_nobody(self, texts: Iterable[str]) -> list[str]:
        """Returns the texts that no order has as a tag, nor as its link or reference or the beginning of one."""
        sql = (
            "SELECT 1 FROM orders WHERE (ref >= ? AND ref < ? AND ref IS NOT NULL)"
            " OR (link >= ? AND link < ? AND link IS NOT NULL) LIMIT 1"
        )
        with self._database.reading() as cur:
            return [
                text
                for text in texts
                if cur.run(sql, (text, text + "\U0010ffff") * 2).one() is None and not self._is_tag(cur, text)
            ]

    def _forget_row(self, cur: Cursor, panel: str, remote_id: str, done: Forgotten) -> None:
        found = believed_order(cur, panel, remote_id)
        if found is None:
            return
        order, link = found
        facts = daily_stats.facts(cur, order.id)
        cur.run(
            "UPDATE orders SET link = NULL, ref = NULL, tags = '[]', entry = NULL, forgotten = 1,"
            " version = version + 1 WHERE id = ?",
            (order.id,),
        )
        if order.tags:
            daily_stats.refold(cur, order.id, facts)
        done.erased.add(link, order.ref, order.tags)
        done.known.add(remote_id)

    def _forget_call(self, cur: Cursor, panel: str, remote_id: str, done: Forgotten) -> None:
        """Erases the link with which a client of the gateway placed the order; it may have another one by now."""
        placed = "panel = ? AND action = 'add' AND ids = ? AND link IS NOT NULL"
        for (link,) in cur.run(f"SELECT link FROM gateway_calls WHERE {placed}", (panel, remote_id)).rows():
            done.erased.add(link, None, ())
        cur.run(f"UPDATE gateway_calls SET link = NULL WHERE {placed}", (panel, remote_id))

    def _forget_tries(self, cur: Cursor, panel: str, links: Sequence[str]) -> None:
        """Erases such links from calls that placed no order as far as is known: earlier tries for the customer."""
        for some in portions(links):
            sql = (
                f"UPDATE gateway_calls SET link = NULL WHERE panel = ? AND ids = '' AND link IN ({placeholders(some)})"
            )
            cur.run(sql, (panel, *some))

    def _forget_events(self, cur: Cursor, panel: str, remote_id: str, done: Forgotten) -> None:
        found = cur.run(_EVENTS.replace("id FROM", "id, body FROM"), (panel, remote_id)).rows()
        for number, body in found:
            cleaned = body and cleaned_body(body, done.erased)
            if cleaned != body:
                cur.run("UPDATE events SET body = ? WHERE id = ?", (cleaned, number))
        done.events += len(found)
        done.known |= {remote_id} if found else set()

    def _forget_answers(self, cur: Cursor, panel: str, remote_id: str, done: Forgotten) -> None:
        """Erases what receivers answered to the order's events; the address and the code of each attempt stay."""
        about = (panel, remote_id)
        for told in (_DELIVERIES, f"SELECT delivery_id FROM attempts WHERE {_MESSAGES}"):
            cur.run(f"UPDATE deliveries SET error = NULL WHERE error IS NOT NULL AND id IN ({told})", about)
        cur.run(f"UPDATE attempts SET snippet = NULL, error = NULL WHERE {_MESSAGES}", about)
        sql = f"SELECT count(*) FROM attempts WHERE outcome IS NULL AND delivery_id IN ({_DELIVERIES})"
        row = cur.run(sql, about).one()
        done.under_way += row[0] if row else 0

    def _forget_sums(self, cur: Cursor, panel: str, tag: str) -> None:
        """Deletes the sums of a tag that no order of the panel has any more, left by moves that retention took."""
        sums = "FROM daily_money WHERE panel = ? AND dim = 'tag' AND name = ?"
        if cur.run(f"SELECT 1 {sums} LIMIT 1", (panel, tag)).one() and not self._is_tag(cur, tag, panel):
            cur.run(f"DELETE {sums}", (panel, tag))

    def _is_tag(self, cur: Cursor, tag: str, panel: str | None = None) -> bool:
        """Whether any order, or any of a panel, has this tag."""
        at = "" if panel is None else " AND panel = ?"
        sql = f"SELECT 1 FROM orders WHERE tags <> '[]' AND {self._place('tags')} > 0{at} LIMIT 1"
        return cur.run(sql, (json.dumps(tag), *([] if panel is None else [panel]))).one() is not None

    def _forget_elsewhere(self, cur: Cursor, panel: str, words: Collection[str]) -> None:
        texts = sorted({text for word in words if len(word) >= SHORTEST for text in spellings(word)})
        for table, column, which in _ELSEWHERE:
            sql = f"UPDATE {table} SET {column} = replace({column}, ?, ?) WHERE {which} AND {self._place(column)} > 0"
            for text in texts:
                cur.run(sql, (text, INSTEAD, *[panel] * which.count("?"), text))

    def _place(self, column: str) -> str:
        """Returns SQL for the place of a text in a column; 0: it is not in it."""
        return f"strpos({column}, ?)" if self._database.postgres else f"instr({column}, ?)"
