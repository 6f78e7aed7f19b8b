"""No single answer within the caps takes more than 200 MiB, whatever it is made of."""

import gzip
import json
import subprocess
import sys
from functools import cache

from tests.net.answers_in_memory import CAPS, SHAPES
from tests.net.servers import Server, answer

MOST_MIB = 200.0


@cache
def packed(action, shape):
    return gzip.compress(SHAPES[shape](CAPS[action]), 1)


def answers(connection, request):
    action, shape = request.target.split("/")[-2:]
    body = packed(action, shape.replace("_", " "))
    return answer(body, Content_Encoding="gzip")(connection, request)


def test_no_answer_takes_more_memory_than_its_bound():
    with Server(answers) as server:
        command = [sys.executable, "-m", "tests.net.answers_in_memory", server.url]
        printed = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True).stdout
    took = {(action, shape): (mib, came) for action, shape, mib, came in map(json.loads, printed.splitlines())}
    assert took.keys() == {(action, shape) for action in CAPS for shape in SHAPES}
    assert {one: said for one, said in took.items() if said[0] > MOST_MIB} == {}
    read = {shape: came for (action, shape), (_, came) in took.items() if action == "services"}
    assert int(read["as many rows as are read"].removeprefix("read ")) > 90_000
    assert read["long rows with a wide letter"].startswith("read ")
    assert {read[shape] for shape in ("numbers", "a million rows", "members", "a row of numbers")} == {"unreadable"}
