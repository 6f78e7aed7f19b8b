from tests.store.conftest import store, woken  # noqa: F401  fixtures
