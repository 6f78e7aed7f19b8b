"""The database itself: how large it is and what is in it."""

from tracker.db.database import Database
from tracker.reports.rows import ReportRow, select_one

TABLES = (
    "panels", "services", "orders", "refills", "transitions", "progress", "events", "deliveries", "attempts",
    "alerts", "balances", "poll_runs",
)  # fmt: skip


def sizes(database: Database) -> ReportRow:
    """table -> how many rows."""
    return {table: _count(database, table) for table in TABLES}


def stored_bytes(database: Database) -> int:
    """What the database takes on the disk; on SQLite with its write-ahead log."""
    if database.path is None:
        row = select_one(database, "SELECT pg_database_size(current_database())")
        return int(row[0]) if row else 0
    files = (database.path.with_name(database.path.name + end) for end in ("", "-wal"))
    return sum(file.stat().st_size for file in files if file.exists())


def engine(database: Database) -> str:
    """`SQLite 3.53.4` or `PostgreSQL 17.2`."""
    sql = "SHOW server_version" if database.postgres else "SELECT sqlite_version()"
    row = select_one(database, sql)
    version = str(row[0]).split()[0] if row else ""
    return f"{'PostgreSQL' if database.postgres else 'SQLite'} {version}"


def _count(database: Database, table: str) -> int:
    row = select_one(database, f"SELECT count(*) FROM {table}")
    return int(row[0]) if row else 0
