"""The program that the reference shows brings a shop's orders, once each."""

import sqlite3
import sys

from tests.databases import rows as selected
from tests.rules import documents
from tests.rules.documents import ROOT

(PROGRAM,) = documents.blocks(ROOT / "docs" / "configuration.md", "python")


def test_the_program_of_the_reference_brings_what_is_new(collector, database, tmp_path):
    file = tmp_path / "shop.db"
    shop = sqlite3.connect(file, isolation_level=None)
    shop.execute("CREATE TABLE orders (number INTEGER, panel_id, service, quantity, link, placed_at)")
    program = tmp_path / "new-orders"
    program.write_text(PROGRAM.replace("/srv/shop/shop.db", str(file)))

    def run():
        made = collector("", argv=(sys.executable, str(program)))
        found = made.collect(made.begin(only_if_due=False), lambda taken: taken.take_bad())
        assert (found.error, found.taken.refused) == ("", 0)
        return found.taken.added

    assert run() == 0
    for number in range(200):
        shop.execute("INSERT INTO orders VALUES (?, ?, 12, 100, NULL, '2020-01-01')", (number, f"p{number}"))
    assert (run(), run()) == (199, 0)  # the number 0 lies before the beginning, as in any table that counts from 1
    shop.execute("INSERT INTO orders VALUES (200, 'p200', 12, 100, 'https://x.example/', NULL)")
    shop.close()
    assert (run(), run()) == (1, 0)
    assert selected(database, "SELECT remote_id, ref FROM orders WHERE baseline = 0") == [("p200", "shop-200")]
    assert selected(database, "SELECT cursor FROM intakes") == [("200",)]
