"""The daily statistics: the sums that the store has added up, and the rows that are not in them yet.

`read` is exact at every moment: it reads the sums and the rows that are not in them from one snapshot.
"""

from collections.abc import Collection
from decimal import Decimal

from tracker.core import daily_stats
from tracker.core.daily_stats import Sums
from tracker.core.dates import day_in, later, starts
from tracker.core.status import FINAL, NOT_STARTED, OrderStatus
from tracker.db.counted_moves import MOVES, TRACKED, counted
from tracker.db.database import Database, amount
from tracker.reports.paging import all_rows
from tracker.reports.period import ReportScope
from tracker.reports.rows import Filter, select, whole

DURATIONS = ("start", "finish", "window")

_PAGE = 5_000  # moves read at a time: small rows, and many of them


def read(
    database: Database,
    zone: str,
    *,
    panel: str | None = None,
    service: str | None = None,
    since: str | None = None,
    until: str | None = None,
    durations: Collection[str] = DURATIONS,
) -> Sums:
    """All sums, or those of a panel, a service, or the days from `since` to `until`, both included.

    zone: the time zone of the days.
    durations: which durations to read. The sums keep them without a day: for a part of the time they are counted from
        the moves of that part.
    """
    with database.snapshot():
        upto = {source: at for source, at, of in select(database, "SELECT source, upto, zone FROM folds") if of == zone}
        if until is None and since is not None and since <= _first_day(database, zone, upto):
            since = None
        chosen = Chosen(zone, panel, service, since, until)
        sums = _stored(database, chosen, durations) if upto else Sums.empty()
        _add_tail(database, chosen, sums, upto)
        if chosen.in_time:
            sums.durations = _durations_between(database, chosen, durations)
    sums.durations = {key: n for key, n in sums.durations.items() if key[2] in durations}
    if service is not None:  # the money of a tag and the time between polls are not kept by service
        sums.money = {key: value for key, value in sums.money.items() if key[2] == "service"}
        sums.durations = {key: n for key, n in sums.durations.items() if key[2] != "window"}
    return sums


def in_scope(
    database: Database, scope: ReportScope, durations: Collection[str] = (), *, by_service: bool = True
) -> Sums:
    """The sums of the part and the time that a report is about. by_service: false for what has no service."""
    return read(
        database,
        scope.zone,
        panel=scope.panel,
        service=scope.service if by_service else None,
        since=scope.since,
        until=scope.until,
        durations=durations,
    )


class Chosen:
    """Which statistics to read, as conditions on the sums and on the rows that are not in them yet.

    in_time: only a part of the time.
    """

    def __init__(self, zone: str, panel: str | None, service: str | None, since: str | None, until: str | None) -> None:
        self.zone, self.panel, self.service, self.since, self.until = zone, panel, service, since, until
        self.in_time = since is not None or until is not None

    def rows(self, at: str, prefix: str = "") -> Filter:
        """Conditions on rows of orders and moves. at: the column of the moment. prefix: of the other columns."""
        begin = starts(self.since, self.zone) if self.since else None
        end = starts(later(self.until, 1), self.zone) if self.until else None
        return (
            Filter()
            .add(f"{prefix}panel = ?", self.panel)
            .add(f"coalesce({prefix}service, '') = ?", self.service)
            .add(f"{at} >= ?", begin)
            .add(f"{at} < ?", end)
        )

    def sums(self, *, days: bool = True) -> Filter:
        """Conditions on rows of the sums. days: false for durations, which have no day."""
        chosen = Filter().add("panel = ?", self.panel)
        return chosen.add("day >= ?", self.since).add("day <= ?", self.until) if days else chosen


def _first_day(database: Database, zone: str, upto: dict[str, int]) -> str:
    """The first day that has statistics; a day far in the future when none has."""
    firsts = [day for (day,) in select(database, "SELECT min(day) FROM daily") if day is not None] if upto else []
    beyond = upto.get("transitions", 0)
    tail = [at for (at,) in select(database, "SELECT min(at) FROM transitions WHERE id > ?", (beyond,)) if at]
    return min([*firsts, *map(day_in(zone), tail)], default="9999-12-31")


def _stored(database: Database, chosen: Chosen, durations: Collection[str]) -> Sums:
    sums = Sums.empty()
    where = chosen.sums().add("service = ?", chosen.service)
    for *key, n in select(database, f"SELECT day, panel, service, what, n FROM daily{where.sql}", where.params):
        sums.counts[tuple(key)] = n
    where = chosen.sums().add("dim = 'service' AND name = ?", chosen.service)
    columns = "day, panel, dim, name, currency, what, amount"
    for *key, value in select(database, f"SELECT {columns} FROM daily_money{where.sql}", where.params):
        sums.money[tuple(key)] = amount(value) or Decimal(0)
    if durations and not chosen.in_time:
        where = chosen.sums(days=False).add("service = ?", chosen.service).among("what", tuple(durations))
        columns = "panel, service, what, seconds, n"
        for *key, n in select(database, f"SELECT {columns} FROM durations{where.sql}", where.params):
            sums.durations[tuple(key)] = n
    return sums


def _add_tail(database: Database, chosen: Chosen, sums: Sums, upto: dict[str, int]) -> None:
    """Add the rows that are not in the sums yet."""
    day_of = day_in(chosen.zone)
    tail = Sums.empty()
    where = chosen.rows("t.at", "o.").add("t.id > ?", upto.get("transitions", 0))
    moves = all_rows(database, MOVES, where, newest_first=False, size=_PAGE, id="t.id")
    daily_stats.add_moves(tail, map(counted, moves), day_of)
    where = chosen.rows("tracked_at").add("id > ?", upto.get("orders", 0))
    found = select(database, f"{TRACKED}{where.sql}", where.params)
    daily_stats.add_tracked(tail, (row[1:] for row in found), day_of)
    daily_stats.merged(sums, tail)


def _durations_between(
    database: Database, chosen: Chosen, wanted: Collection[str]
) -> dict[tuple[str, str, str, int], int]:
    """The durations as core.daily_stats counts them, but in SQL.

    Over millions of moves Python takes four times as long.
    """
    found: dict[tuple[str, str, str, int], int] = {}
    for what in wanted:
        service, condition, since = _SPANS[what]
        span = f"t.at - {since}"
        where = chosen.rows("t.at", "o.").also(f"{since} IS NOT NULL AND {condition}")
        seconds = f"CASE WHEN {span} > 0 THEN {whole(database, span)} ELSE 0 END"
        sql = (
            f"SELECT panel, service, {_ROUNDED}, count(*) FROM (SELECT o.panel AS panel, {service} AS service,"
            f" {seconds} AS s FROM transitions t JOIN orders o ON o.id = t.order_id{where.sql}) AS spans"
            " GROUP BY 1, 2, 3"
        )
        for of, name, took, n in select(database, sql, where.params):
            found[of, name, what, took] = n
    return found


# core.daily_stats.rounded in SQL, for whole seconds `s`.
_ROUNDED = (
    "CASE WHEN s < 1000 THEN s WHEN s < 10000 THEN s / 10 * 10 WHEN s < 100000 THEN s / 100 * 100"
    " WHEN s < 1000000 THEN s / 1000 * 1000 WHEN s < 10000000 THEN s / 10000 * 10000"
    " WHEN s < 100000000 THEN s / 100000 * 100000 ELSE s / 1000000 * 1000000 END"
)


def _words(words: Collection[OrderStatus | None]) -> str:
    return ", ".join(sorted(f"'{word.value}'" for word in words if word is not None))


# For each duration: (the service, which moves end it, the moment it begins), as core.daily_stats.add_moves decides it.
_SPANS = {
    "start": (
        "coalesce(o.service, '')",
        f"t.new = '{OrderStatus.IN_PROGRESS.value}' AND (t.old IS NULL OR t.old IN ({_words(NOT_STARTED)}))",
        "o.born_at",
    ),
    "finish": (
        "coalesce(o.service, '')",
        f"t.new IN ({_words(FINAL)}) AND (t.old IS NULL OR t.old NOT IN ({_words(FINAL)}))",
        "o.born_at",
    ),
    "window": ("''", "(t.old IS NULL OR t.old <> t.new)", "t.not_before"),
}
