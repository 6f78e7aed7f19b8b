"""The size of the database: rows of each table, bytes on the disk, and the engine."""

from tracker.db.database import Database
from tracker.reports.rows import ReportRow, select_number, select_one

TABLES = (
    "panels", "services", "orders", "refills", "transitions", "progress", "events", "deliveries", "attempts",
    "alerts", "balances", "poll_runs",
)  # fmt: skip


def sizes(database: Database) -> ReportRow:
    """The number of rows by table."""
    return {table: select_number(database, f"SELECT count(*) FROM {table}") for table in TABLES}


def stored_bytes(database: Database) -> int:
    """The bytes that the database takes on the disk; on SQLite with its write-ahead log."""
    if database.path is None:
        return select_number(database, "SELECT pg_database_size(current_database())")
    files = (database.path.with_name(database.path.name + end) for end in ("", "-wal"))
    return sum(file.stat().st_size for file in files if file.exists())


def engine(database: Database) -> str:
    """The name and version of the engine: `SQLite 3.53.4` or `PostgreSQL 17.2`."""
    sql = "SHOW server_version" if database.postgres else "SELECT sqlite_version()"
    row = select_one(database, sql)
    version = str(row[0]).split()[0] if row else ""
    return f"{'PostgreSQL' if database.postgres else 'SQLite'} {version}"
