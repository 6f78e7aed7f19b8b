import pytest

from tracker.exchange import Exchanger


@pytest.fixture
def exchanger():
    exchanger = Exchanger("tests/1.0")
    yield exchanger
    exchanger.close()
