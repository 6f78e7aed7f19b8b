"""The services that panels offer, as their catalogues were last seen."""

from tracker.db.database import Database, amount
from tracker.reports.rows import ReportRow, named, select

CATALOGUE_FIELDS = ("panel", "service", "name", "type", "category", "rate", "min", "max", "refill", "cancel")


def services(database: Database) -> list[ReportRow]:
    """Rows of CATALOGUE_FIELDS by panel and name; services that left a catalogue are left out."""
    sql = f"SELECT {', '.join(CATALOGUE_FIELDS)} FROM services WHERE gone_at IS NULL ORDER BY panel, name, service"
    rows = [named(CATALOGUE_FIELDS, values) for values in select(database, sql)]
    for row in rows:
        row["rate"], row["refill"], row["cancel"] = amount(row["rate"]), bool(row["refill"]), bool(row["cancel"])
    return rows
