"""Checks every page of the SQLite file after a kill or a power cut.

Rule 1: a start does not wait for a large file. A check that takes longer than a moment goes on beside the work.
Rule 2: damage ends the tracker (78), whenever it is found. Going on would write into it.
Rule 3: a file whose check did not come to its end is checked at the next start.
"""

import threading

from tracker import clock
from tracker.daemon.lock import InstanceLock
from tracker.db.database import Database
from tracker.db.errors import DatabaseTrouble, persist
from tracker.errors import UserError
from tracker.log import get

log = get(__name__)

FIRST_S = 2.0  # 200,000 orders with their past, 194 MB, take 0.4 s where the file is in memory


class IntegrityCheck:
    """One check in a thread of its own.

    instance: knows how the last tracker ended, and notes when the file was found to be sound.
    """

    def __init__(self, database: Database, instance: InstanceLock) -> None:
        self._database = database
        self._instance = instance
        self._damage: UserError | None = None

    def begin(self, first_s: float = FIRST_S) -> None:
        """Start the check, if the last tracker was killed, and wait a moment for it.

        first_s: how long to wait. Raises UserError (78) for damage that is found within it.
        """
        if not self._instance.unclean:
            return
        looking = threading.Thread(target=self._look_through, name="checkup", daemon=True)
        looking.start()
        looking.join(first_s)
        self.look()

    def look(self) -> None:
        """Raises UserError (78) if damage has been found by now."""
        if self._damage is not None:
            raise self._damage

    def _look_through(self) -> None:
        started = clock.monotonic()
        try:
            persist(self._database.check)
        except UserError as damage:
            self._damage = damage
        except DatabaseTrouble as trouble:
            log.warning("database.unchecked", error=str(trouble))
        else:
            log.info("database.checked", took_s=round(clock.monotonic() - started, 1))
            self._instance.looked_through()
