"""The dashboard of a running tracker: it is there, it stops nothing, and it goes along with a reload."""

import os
import signal
import socket
import subprocess
import sys

import pytest
import requests

from tests.system.site import KEY, panel_section, wait_for
from tests.web import TOKEN, free_port
from tracker.simulator import Scenario, SimulatedPanel


@pytest.fixture
def panel():
    with SimulatedPanel(Scenario.static(5), key=KEY) as panel:
        yield panel


ORDER = "1000001"


def web_section(port, **keys):
    lines = "".join(f'{key} = "{value}"\n' for key, value in keys.items())
    return f'[web]\nlisten = "127.0.0.1:{port}"\n{lines}'


def answers(port, path="/readyz", **options):
    try:
        return requests.get(f"http://127.0.0.1:{port}{path}", timeout=5, **options)
    except requests.ConnectionError:
        return None


def health(site):
    command = [sys.executable, "-m", "tracker", "--config", str(site.file), "health"]
    return subprocess.run(command, capture_output=True, text=True, cwd=site.folder, timeout=30)


def test_a_running_tracker_shows_itself_and_stops_in_order(sites, panel):
    port = free_port()
    site = sites(panel_section(panel.url) + web_section(port))
    site.track([ORDER])
    site.start()
    wait_for(lambda: answers(port), 10, "the dashboard")
    assert answers(port).text == "ready\n"
    wait_for(lambda: "s-in-progress" in answers(port, "/orders").text, 10, "the first answer")
    assert f"Order {ORDER} at main" in answers(port, "/orders/main/" + ORDER).text
    assert KEY not in answers(port, "/panels").text
    assert site.stop() == 0
    assert answers(port) is None


def test_a_port_that_is_taken_stops_no_poll_and_turns_health_red(sites, panel):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        site = sites(panel_section(panel.url) + web_section(port))
        site.track([ORDER])
        site.start()
        wait_for(lambda: site.rows("SELECT count(*) FROM orders WHERE status IS NOT NULL") == [(1,)], 10, "a poll")
        wait_for(lambda: health(site).returncode == 1, 10, "health to notice")
        assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in health(site).stdout
    wait_for(lambda: answers(port), 15, "the port to be taken once it is free")
    wait_for(lambda: health(site).returncode == 0, 10, "health to notice")
    assert site.stop() == 0


def test_a_reload_takes_over_the_address_and_the_token(sites, panel):
    ports = [free_port(), free_port()]
    site = sites(panel_section(panel.url) + web_section(ports[0]))
    site.start()
    wait_for(lambda: answers(ports[0]), 10, "the dashboard")
    text = site.file.read_text().replace(f":{ports[0]}", f":{ports[1]}")
    site.file.write_text(text.replace("[web]\n", f'[web]\nread_token = "{TOKEN}"\n'))
    os.kill(site.child.pid, signal.SIGHUP)
    wait_for(lambda: answers(ports[1]), 15, "the new address")
    assert answers(ports[0]) is None
    assert answers(ports[1], "/orders").status_code == 401
    assert answers(ports[1], "/orders", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
    assert TOKEN not in site.log.read_text()
    assert site.stop() == 0
