"""The simulator in a process of its own, steered through /_control."""

import http.client
import json
import signal
import subprocess
import sys
from urllib.parse import urlsplit

import pytest

TOML = """
[[services]]
service = 1
name = "Flyer rounds"
[[orders]]
id = "501"
charge = "0.90"
quantity = 1000
timeline = [[0, "Pending", 1000], [60, "Completed", 0]]
"""


class Process:
    """`python -m tracker.simulator …`, its address, and JSON calls to it."""

    def __init__(self, *arguments):
        command = [sys.executable, "-m", "tracker.simulator", *map(str, arguments)]
        self.popen = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.url = urlsplit(json.loads(self.popen.stdout.readline())["url"])

    def call(self, method, path, body=None):
        connection = http.client.HTTPConnection(self.url.hostname, self.url.port, timeout=10)
        try:
            connection.request(method, path, body)
            response = connection.getresponse()
            return response.status, json.loads(response.read() or b"null")
        finally:
            connection.close()

    def look(self, name):
        return self.call("GET", f"/_control/{name}")[1]

    def act(self, name, **values):
        return self.call("POST", f"/_control/{name}", json.dumps(values))

    def end(self, number=signal.SIGTERM):
        self.popen.send_signal(number)
        code = self.popen.wait(10)
        self.popen.stdout.close()
        return code


@pytest.fixture
def panel(tmp_path):
    path = tmp_path / "s.toml"
    path.write_text(TOML)
    process = Process("panel", "--scenario", path, "--speed", "0")
    yield process
    assert process.end() == 0


ASK = "key=demo-key&action=status&order=501"


def test_truth_audit_and_served_are_seen_from_outside(panel):
    panel.call("POST", "/api/v2", ASK)
    assert panel.look("truth?order=501")["status"] == "Pending"
    assert panel.look("truth?order=501&at_s=3600")["status"] == "Completed"
    assert list(panel.look("truths")) == ["501"]
    assert panel.look("audit")["by_action"] == {"status": 1}
    assert [word for _, word, _ in panel.look("served")["501"]] == ["Pending"]
    (call,) = panel.look("calls")
    assert (call["action"], call["ids"], call["good"]) == ("status", ["501"], True)
    assert "demo-key" not in json.dumps(call)


def test_switches_faults_and_time_are_set_from_outside(panel):
    panel.act("switches", auth_broken=True)
    assert panel.call("POST", "/api/v2", ASK)[1] == {"error": "Invalid API key"}
    panel.act("clear")
    panel.act("switches", queue=["http_429"], retry_after="5", balance="7.25", forward_s=60)
    assert panel.call("POST", "/api/v2", ASK)[0] == 429
    assert panel.look("clock") == {"sim_s": 60.0, "speed": 0.0, "balance": "7.25"}
    panel.act("switches", down={"from_s": 0, "until_s": 3600, "kind": "database_200"})
    assert "Database" in panel.call("POST", "/api/v2", ASK)[1]["error"]
    panel.act("clear")
    assert panel.act("advance", share=1.0, status="Canceled", remains=1000) == (200, ["501"])
    assert panel.call("POST", "/api/v2", ASK)[1]["status"] == "Canceled"


@pytest.mark.parametrize(
    ("method", "name", "body", "status"),
    [
        ("GET", "nothing", None, 404),
        ("GET", "truth", None, 400),
        ("POST", "switches", '{"queue": ["rest"]}', 400),
        ("POST", "advance", "{", 400),
    ],
)
def test_a_bad_control_call_is_answered_with_its_reason(panel, method, name, body, status):
    got, told = panel.call(method, f"/_control/{name}", body)
    assert (got, "error" in told) == (status, True)


def test_control_calls_are_no_calls_of_the_client(panel):
    assert panel.look("audit")["calls"] == 0


def test_a_receiver_killed_after_its_answer_has_lost_nothing(tmp_path):
    record = tmp_path / "received.ndjson"
    first = Process("receiver", "--record", record)
    assert first.call("POST", "/_control/behaviour", '{"next": ["fail"]}')[0] == 200
    for number in range(5):
        connection = http.client.HTTPConnection("127.0.0.1", first.url.port, timeout=10)
        connection.request("POST", "/hook", b"{}", {"webhook-id": f"evt_{number}"})
        connection.getresponse().read()
        connection.close()
    assert first.end(signal.SIGKILL) == -signal.SIGKILL
    second = Process("receiver", "--record", record, "--port", first.url.port)
    received = second.look("received")
    assert [row["id"] for row in received] == [f"evt_{number}" for number in range(5)]
    assert second.look("counts")["fail"] == 1
    assert second.end() == 0
