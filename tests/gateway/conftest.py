import pytest

from tests.gateway import PANEL_KEY, Desk
from tests.simulator import small_world
from tracker.simulator import SimulatedPanel


@pytest.fixture
def panel():
    """Half an hour in: order 1 is completed, 2 partial, 3 completed, 10 just placed."""
    with SimulatedPanel(small_world(), speed=0, key=PANEL_KEY) as panel:
        panel.forward(1_900)
        yield panel


@pytest.fixture
def desks(tmp_path, fresh_url):
    """Makes gateways, each in a folder of its own but on one database."""
    made = []

    def make(url, **keys):
        folder = tmp_path / f"desk{len(made)}"
        folder.mkdir()
        made.append(Desk(folder, url, fresh_url, **keys))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def desk(desks, panel):
    made = desks(panel.url)
    made.catalogue()
    return made
