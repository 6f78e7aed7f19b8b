"""Sites on SQLite and, where TRACKER_TEST_DATABASE_URL names a server, on PostgreSQL."""

import os
import uuid

import pytest

from tests.event_checks import check_database
from tests.system.site import Site

SERVER = os.environ.get("TRACKER_TEST_DATABASE_URL")


@pytest.fixture
def sites(tmp_path):
    """Makes sites in this test's folder; closes them, and kills what still runs, afterwards."""
    made = []

    def make(config, database=None, folder=None):
        place = tmp_path / (folder or "site")
        place.mkdir()
        made.append(Site(place, config, database))
        return made[-1]

    yield make
    for site in made:
        site.close()


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param("postgres", marks=pytest.mark.skipif(not SERVER, reason="no TRACKER_TEST_DATABASE_URL")),
    ]
)
def database_url(request):
    """None for a SQLite file, or the URL of a fresh PostgreSQL database."""
    if request.param == "sqlite":
        yield None
        return
    if not SERVER:
        pytest.skip("no TRACKER_TEST_DATABASE_URL")
    import psycopg

    name = f"tracker_test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(SERVER, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
    url = SERVER.rpartition("/")[0] + "/" + name
    yield url
    check_database(url)
    with psycopg.connect(SERVER, autocommit=True) as server:
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")
