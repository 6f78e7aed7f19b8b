"""A simulated panel in a process of its own, so that its CPU is nobody's figure but its own."""

import json
import subprocess
import sys
from types import TracebackType

CHILD = """
import json, sys, time
from dataclasses import replace
from tracker.simulator import OrderLife, Scenario, SimulatedPanel
scenario = Scenario.static(int(sys.argv[1]))
more = tuple(OrderLife(str(5_000_001 + n), "1", 1000, "0.90000", 0.0, ((0.0, sys.argv[4], 0),))
             for n in range(int(sys.argv[3])))
panel = SimulatedPanel(replace(scenario, orders=scenario.orders + more), key="bench-key", record_served=False)
latency_s = float(sys.argv[2])
if latency_s:
    respond = panel._server.respond
    def slowly(exchange):
        time.sleep(latency_s)
        return respond(exchange)
    panel._server.respond = slowly
with panel:
    print(json.dumps({"url": panel.url, "ids": list(panel.truths())}), flush=True)
    for line in sys.stdin:
        wish = json.loads(line)
        moved = panel.advance(**wish) if wish else []
        print(json.dumps({"moved": len(moved), "calls": len(panel.audit.calls)}), flush=True)
"""


class BenchPanel:
    """url and ids of a panel with `orders` orders in progress; every answer takes `latency_s` more.

    more: so many orders beside them, from id 5000001 on, which say `word`.
    """

    def __init__(self, orders: int, latency_s: float = 0.0, more: int = 0, word: str = "Completed") -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(orders), str(latency_s), str(more), word],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        told = self._answer()
        self.url = str(told["url"])
        self.ids: list[str] = told["ids"]  # type: ignore[assignment]  # a list of text, see CHILD

    def advance(self, share: float, status: str) -> int:
        """Let this share of the orders say `status` from now on; returns how many moved."""
        return int(str(self._ask({"share": share, "status": status, "remains": None})["moved"]))

    def calls(self) -> int:
        """Requests answered so far."""
        return int(str(self._ask({})["calls"]))

    def __enter__(self) -> "BenchPanel":
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        assert self._child.stdin is not None
        self._child.stdin.close()
        self._child.wait(timeout=30)

    def _ask(self, wish: dict[str, object]) -> dict[str, object]:
        assert self._child.stdin is not None
        self._child.stdin.write(json.dumps(wish) + "\n")
        self._child.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, object]:
        assert self._child.stdout is not None
        told: dict[str, object] = json.loads(self._child.stdout.readline())
        return told
