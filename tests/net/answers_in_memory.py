"""Asks a panel for its largest answers, each in a process of its own, and prints how much memory each one took.

Called with the address of the panel. The panel answers according to the path: /ACTION/SHAPE.
"""

import json
import os
import resource
import sys

from tests.net.panels import panel
from tracker.errors import PanelError

CAPS = {"services": 32_000_000, "status": 5_000_000}


def _filled(start, piece, end):
    return lambda size: start + piece * ((size - len(start) - len(end)) // len(piece)) + end


def _rows(size, more="", sparse=False):
    rows, total = [], 2
    while total < size - 600:
        n = len(rows)
        row = {"service": n, "name": f"Flyer rounds {n} {more}", "type": "Default", "category": f"Flyers {n % 9}{more}"}
        row |= {} if sparse else {"rate": "0.90", "min": "50", "max": "10000", "refill": True, "cancel": False}
        rows.append(json.dumps(row, ensure_ascii=False))
        total += len(rows[-1].encode()) + 1
    return "[" + ",".join(rows) + "]"


PAPER = "\U0001f4f0"
SHAPES = {
    "numbers": _filled(b"[1", b",1", b"]"),
    "texts": _filled(b'["a"', b',"a"', b"]"),
    "NaN": _filled(b"[NaN", b",NaN", b"]"),
    "empty rows": _filled(b"[{}", b",{}", b"]"),
    "a million rows": _filled(b'[{"service":1}', b',{"service":1}', b"]"),
    "a row of numbers": _filled(b'[{"service":1,"name":[1', b",1", b"]}]"),
    "deep": lambda size: b"[" * (size // 2) + b"]" * (size // 2),
    "members": lambda size: ("{" + ",".join(f'"a{n}":1' for n in range(size // 12)) + "}").encode(),
    "by number": lambda size: ("{" + ",".join(f'"{n}":{{"service":{n}}}' for n in range(size // 32)) + "}").encode(),
    "children": lambda size: ('{"1":{"posts":2,"orders":[' + ",".join(map(str, range(size // 9))) + "]}}").encode(),
    "in an envelope": lambda size: f'{{"status":true,"data":{_rows(size - 30)}}}'.encode(),
    "as many rows as are read": lambda size: _rows(min(size, 16_000_000)).encode(),
    "long rows with a wide letter": lambda size: _rows(size, PAPER + "x" * 200).encode(),
    "one wide text": _filled(b'{"error":"', PAPER.encode(), b'"}'),
    "escapes": _filled(b'["', b"\\u0041", b'"]'),
    "markup": _filled(b"<html>", b"<p>x</p>", b"</html>"),
}


def _asked(url, action, shape):
    """Returns what asking took, in MiB, and what came of it."""
    client = panel(f"{url}/{action}/{shape}".replace(" ", "_"), timeout_s=60.0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        said = client.services() if action == "services" else client.status([str(n) for n in range(100)])
        came = f"read {len(said) if action == 'services' else 0}"
    except PanelError as error:
        came = error.kind.value
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024, came


def main(url):
    for action in CAPS:
        for shape in SHAPES:
            sys.stdout.flush()
            child = os.fork()
            if child == 0:
                took, came = _asked(url, action, shape)
                print(json.dumps([action, shape, took, came]), flush=True)
                os._exit(0)
            os.waitpid(child, 0)


if __name__ == "__main__":
    main(sys.argv[1])
