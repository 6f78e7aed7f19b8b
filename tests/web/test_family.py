"""The pages of an order with a parent and of an order with children."""

import requests

from tests.web import HOSTILE
from tracker import clock
from tracker.db import migrate
from tracker.db.database import connect
from tracker.store import NewOrder, Store


def test_a_parent_leads_to_its_children_and_a_child_to_its_parent(served, tmp_path):
    database = connect(f"sqlite:///{tmp_path}/tracker.db")
    migrate.migrate(database)
    with database.session():
        new = [
            NewOrder("main", id_, True, False, parent=of) for id_, of in (("a/b", None), ("7", "a/b"), ("8", HOSTILE))
        ]
        Store(database).new_orders.add(new, clock.now())
    url = served(database=database).url
    parent = requests.get(f"{url}/orders/main/a%2Fb", timeout=10).text
    assert '<a href="/orders/main/7">7</a>' in parent
    child = requests.get(f"{url}/orders/main/7", timeout=10).text
    assert '<a href="/orders/main/a/b">a/b</a>' in child
    assert "Children" not in child
    assert "<script>alert" not in requests.get(f"{url}/orders/main/8", timeout=10).text
