"""The worker pools of a running tracker: one for each panel, each hook and each intake command."""

from tracker import clock
from tracker.core.liveness import UnitUnderWay
from tracker.core.polling.call_timeouts import longest_poll_s
from tracker.daemon.components import Components
from tracker.daemon.workers import WorkerPool


class Pools:
    """All of them, kicked, stopped and looked at together. The pools of hooks register for the store's wakeups."""

    def __init__(self, components: Components) -> None:
        hooks = {name: _hook_pool(name, components) for name in components.hooks}
        components.wakeups.register(hooks)
        self._pools = [
            *(_poll_pool(name, components) for name in components.panels),
            *hooks.values(),
            *(_intake_pool(name, components) for name in components.intakes),
        ]

    def kick(self) -> None:
        """Have every pool look for work."""
        for pool in self._pools:
            pool.kick()

    def stop(self) -> None:
        """Begin no further unit of work, anywhere."""
        for pool in self._pools:
            pool.stop()

    def join(self, deadline: float) -> list[str]:
        """Wait for the units under way until a moment (monotonic); the names of pools that are still at work then."""
        return [pool.name for pool in self._pools if not pool.join(max(0.0, deadline - clock.monotonic()))]

    def under_way(self) -> list[UnitUnderWay]:
        """The oldest unit of each pool."""
        return [UnitUnderWay(pool.name, pool.longest_s(), pool.deadline_s) for pool in self._pools]


def _poll_pool(name: str, components: Components) -> WorkerPool:
    rules, work = components.config.panels[name].rules, components.panels[name].poller.poll_once
    # An answer that is too odd to be true is asked for a second time.
    deadline_s = 2 * longest_poll_s(rules)
    return WorkerPool(f"poll:{name}", work, rules.max_concurrency, components.database.session, deadline_s)


def _hook_pool(name: str, components: Components) -> WorkerPool:
    rules, work = components.config.hooks[name].rules, components.hooks[name].dispatcher.deliver_once
    return WorkerPool(f"hook:{name}", work, rules.max_concurrency, components.database.session, rules.timeout_s)


def _intake_pool(name: str, components: Components) -> WorkerPool:
    command = components.intakes[name].command
    return WorkerPool(f"intake:{name}", command.run_once, 1, components.database.session, command.longest_s)
