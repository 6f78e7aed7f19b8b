import pytest

from tracker.net.http import Exchanger


@pytest.fixture
def exchanger():
    exchanger = Exchanger("tests/1.0")
    yield exchanger
    exchanger.close()
