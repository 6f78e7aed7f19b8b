"""The metronome: APScheduler calls a few jobs at fixed intervals and is nothing more. Truth is in the rows."""

from collections.abc import Callable, Iterable

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from msgspec import Struct

from tracker import clock

TICK_S = 1.0


class Job(Struct, frozen=True):
    """A piece of maintenance, and how often it is done."""

    work: Callable[[], None]
    every_s: float


class Metronome:
    """Ticks once a second, and does maintenance at its own intervals, one piece at a time.

    tick: must not wait for anything.
    """

    def __init__(self, tick: Callable[[], None], maintenance: Iterable[Job]) -> None:
        self._tick = tick
        self._ticked_at = clock.monotonic()
        self._scheduler = BackgroundScheduler(
            timezone="UTC",
            executors={"default": ThreadPoolExecutor(1), "maintenance": ThreadPoolExecutor(1)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        self._scheduler.add_job(self._on_tick, "interval", seconds=TICK_S, executor="default")
        for job in maintenance:
            self._scheduler.add_job(job.work, "interval", seconds=job.every_s, executor="maintenance")

    def start(self) -> None:
        self._scheduler.start()

    def stop(self) -> None:
        """Tick no more. A piece of maintenance under way goes on to its end."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def silent_s(self) -> float:
        """Seconds since the last tick."""
        return clock.monotonic() - self._ticked_at

    def wake(self) -> None:
        """Reckon every job's next time anew, after the wall clock was set.

        APScheduler sleeps until a wall-clock moment: after a step back it would sleep for hours.
        """
        for job in self._scheduler.get_jobs():
            job.reschedule("interval", seconds=job.trigger.interval.total_seconds())

    def _on_tick(self) -> None:
        self._ticked_at = clock.monotonic()
        self._tick()
