from contextlib import ExitStack

import pytest

from tests.databases import made
from tests.web.api import ServedApi


@pytest.fixture
def serve(tmp_path, engine):
    """Makes APIs, each on a database of its own, on each engine available."""
    with ExitStack() as stack:

        def make(**options):
            url = stack.enter_context(made(engine.fresh(), engine))
            return stack.enter_context(ServedApi(url, tmp_path, **options))

        yield make


@pytest.fixture
def api(serve):
    return serve()
