"""tracker/db/models/ says what the migrations made: table by table, on both engines."""

from decimal import Decimal

import peewee
import pytest

from tests.core.beliefs import NOW
from tracker.db import models
from tracker.db.models import FlagField, MoneyField, Orders, Transitions

# How a column of each kind is declared. SQLite, PostgreSQL.
TYPES = {
    peewee.BigAutoField: ("INTEGER", "bigint"),
    peewee.TextField: ("TEXT", "text"),
    peewee.DoubleField: ("REAL", "double precision"),
    peewee.IntegerField: ("INTEGER", "integer"),
    peewee.BigIntegerField: ("INTEGER", "bigint"),
    peewee.ForeignKeyField: ("INTEGER", "bigint"),
    FlagField: ("INTEGER", "integer"),
    MoneyField: ("TEXT", "numeric"),
}
OTHERS = {"schema_migration", "sqlite_sequence"}  # playhouse's and SQLite's own


@pytest.fixture
def bound(database):
    with database.handle.bind_ctx(models.TABLES):
        yield database


def test_there_is_a_model_for_every_table_and_no_other(database):
    assert {model._meta.table_name for model in models.TABLES} == set(database.handle.get_tables()) - OTHERS


@pytest.mark.parametrize("model", models.TABLES, ids=lambda model: model.__name__)
def test_a_model_has_the_columns_of_its_table(bound, model):
    engine = 1 if bound.postgres else 0
    declared = {field.column_name: (TYPES[type(field)][engine], field.null) for field in model._meta.sorted_fields}
    found = {
        column.name: (column.data_type, column.null) for column in bound.handle.get_columns(model._meta.table_name)
    }
    assert declared == _with_nullable_keys(found, model)


def _with_nullable_keys(found, model):
    """SQLite calls a primary key nullable that is none."""
    keys = [field.column_name for field in model._meta.get_primary_keys()]
    return {name: (type_, null and name not in keys) for name, (type_, null) in found.items()}


@pytest.mark.parametrize("model", models.TABLES, ids=lambda model: model.__name__)
def test_a_model_has_the_keys_and_references_of_its_table(bound, model):
    table = model._meta.table_name
    assert bound.handle.get_primary_keys(table) == [field.column_name for field in model._meta.get_primary_keys()]
    declared = {
        (field.column_name, field.rel_model._meta.table_name, field.rel_field.column_name) for field in model._meta.refs
    }
    assert declared == {(key.column, key.dest_table, key.dest_column) for key in bound.handle.get_foreign_keys(table)}


def test_a_row_comes_back_as_it_was_written(bound):
    order = Orders.create(
        panel="main", remote_id="1", kind="default", tracking="active", charge=Decimal("1E-8"), tags="[]",
        baseline=True, stuck_told=False, refund_told=False, seq=0, version=0, refusals=0, misses=0, progress_count=0,
        tracked_at=NOW,
    )  # fmt: skip
    Transitions.create(order=order, seq=1, new="pending", said="Pending", at=NOW, regressed=False, skipped="")
    found = Transitions.select(Transitions, Orders).join(Orders).get().order
    assert (found.charge, found.baseline, found.refund_told, found.status) == (Decimal("0.00000001"), True, False, None)
    assert (found.id, found.tracked_at) == (order.id, NOW)
