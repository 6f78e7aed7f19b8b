"""A simulated panel in a process of its own, so that its CPU time is not counted in any figure."""

import json
import subprocess
import sys
from types import TracebackType

CHILD = """
import json, sys
from dataclasses import replace
from tracker.simulator import OrderLife, Scenario, SimulatedPanel
scenario = Scenario.static(int(sys.argv[1]))
more = tuple(OrderLife(str(5_000_001 + n), "1", 1000, "0.90000", 0.0, ((0.0, sys.argv[4], 0),))
             for n in range(int(sys.argv[3])))
scenario = replace(scenario, orders=scenario.orders + more)
with SimulatedPanel(scenario, key="bench-key", record_served=False, delay_s=float(sys.argv[2])) as panel:
    print(json.dumps({"url": panel.url, "ids": list(panel.truths())}), flush=True)
    for line in sys.stdin:
        command = json.loads(line)
        moved = panel.advance(**command) if command else []
        print(json.dumps({"moved": len(moved), "calls": len(panel.audit.calls)}), flush=True)
"""


class BenchPanel:
    """A panel with `orders` orders in progress, and its `url` and `ids`.

    latency_s: how much longer every answer takes.
    more: how many further orders there are, with ids from 5000001 on and the status `word`.
    """

    def __init__(self, orders: int, latency_s: float = 0.0, more: int = 0, word: str = "Completed") -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(orders), str(latency_s), str(more), word],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started = self._answer()
        self.url = str(started["url"])
        self.ids: list[str] = started["ids"]  # type: ignore[assignment]  # a list of text, see CHILD

    def advance(self, share: float, status: str) -> int:
        """Moves this share of the orders to `status` and returns how many moved."""
        return int(str(self._command({"share": share, "status": status, "remains": None})["moved"]))

    def calls(self) -> int:
        """Requests answered so far."""
        return int(str(self._command({})["calls"]))

    def __enter__(self) -> "BenchPanel":
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        assert self._child.stdin is not None
        self._child.stdin.close()
        self._child.wait(timeout=30)

    def _command(self, command: dict[str, object]) -> dict[str, object]:
        assert self._child.stdin is not None
        self._child.stdin.write(json.dumps(command) + "\n")
        self._child.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, object]:
        assert self._child.stdout is not None
        answer: dict[str, object] = json.loads(self._child.stdout.readline())
        return answer
