"""The catalogues, as last seen."""

from tracker.db.database import Database, amount
from tracker.reports.rows import ReportRow, select

CATALOGUE_FIELDS = ("panel", "service", "name", "type", "category", "rate", "min", "max", "refill", "cancel")


def services(database: Database) -> list[ReportRow]:
    """Rows of CATALOGUE_FIELDS of what is offered now, by panel and name."""
    sql = f"SELECT {', '.join(CATALOGUE_FIELDS)} FROM services WHERE gone_at IS NULL ORDER BY panel, name, service"
    rows: list[ReportRow] = [dict(zip(CATALOGUE_FIELDS, values, strict=True)) for values in select(database, sql)]
    for row in rows:
        row["rate"], row["refill"], row["cancel"] = amount(row["rate"]), bool(row["refill"]), bool(row["cancel"])
    return rows
