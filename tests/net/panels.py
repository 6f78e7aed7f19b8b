"""Helpers of the tests: they make panel clients, and look at what went wrong."""

import json

import pytest

from tests.defaults import panel_config, poll_rules
from tracker.config.values import Secret
from tracker.core.status import OrderStatus
from tracker.errors import PanelError
from tracker.net.panel import PanelClient

KEY = '0123456789abcdef/+ &\u00e4"key'
ENTRY = {"charge": "0.27819", "start_count": "3572", "status": "Partial", "remains": "157", "currency": "USD"}
ORDER = json.dumps(ENTRY)


def panel(server, timeout_s=5.0, **config):
    rules = poll_rules(timeout_s=timeout_s, status_map={"waiting": OrderStatus.PENDING})
    url = getattr(server, "url", server)
    return PanelClient(panel_config("main", url, Secret(config.pop("key", KEY)), rules, **config))


def failure(tried, action="status", argument=("1",), **options):
    with pytest.raises(PanelError) as caught:
        getattr(tried, action)(*([] if argument is None else [argument]), **options)
    return caught.value
