"""What people may do with their intake commands: run one now."""

from collections.abc import Callable, Mapping

from msgspec.structs import replace

from tracker.config.names import configured
from tracker.errors import Exit, UserError
from tracker.intake.commands import IntakeCommand, RunSummary
from tracker.intake.intake import Taken


class IntakeActions:
    """Everything that people may do with intake commands. commands: by name."""

    def __init__(self, commands: Mapping[str, IntakeCommand]) -> None:
        self._commands = commands

    def run(
        self,
        name: str,
        progress: Callable[[Taken], None],
        *,
        cursor: str | None = None,
        baseline: bool | None = None,
        dry_run: bool = False,
    ) -> RunSummary:
        """Run a command once, whether it is due or not.

        Raises UserError: 2 for an unknown name, 75 while the command is being run already.

        progress: called with the running total after each batch of rows.
        cursor: start from there instead of from where the last run ended.
        baseline: for rows that do not say it themselves.
        dry_run: check the rows; write nothing and keep no cursor.
        """
        command = self._commands[configured("intake", name, self._commands)]
        run = command.begin(only_if_due=False)
        if run is None:
            raise UserError(f"intake {name} is being run at this moment", ["wait for it to end"], Exit.TRY_LATER)
        if cursor is not None:
            run = replace(run, cursor=cursor)
        return command.collect(run, progress, baseline=baseline, dry_run=dry_run)
