"""Deliveries that go out alone although their hook has `digest`: the message they were in was refused."""


def up(migrator, db):  # type: ignore[no-untyped-def]  # the signature is playhouse.migrations'
    db.execute_sql("ALTER TABLE deliveries ADD COLUMN single INTEGER NOT NULL DEFAULT 0")
