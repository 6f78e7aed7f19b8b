"""One run of the loader and the problems it has found: they are collected and reported all at once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tracker.config import toml


class Invalid(Exception):
    """A value that its key cannot have.

    problems: pairs of where it is wrong inside the value ("", or for example "[0]") and what is wrong.
    """

    def __init__(self, what: str = "", *, problems: Sequence[tuple[str, str]] = ()) -> None:
        self.problems = tuple(problems) or (("", what),)
        super().__init__(what)

    def under(self, part: str) -> list[tuple[str, str]]:
        """Returns the problems as those of `part` of a larger value."""
        return [(part + at, what) for at, what in self.problems]


@dataclass(frozen=True)
class KeyPlace:
    """Where something stands in the document.

    dotted: `panels.main.url`. pattern: the same with a star for a name that the user chose, `panels.*.url`.
    """

    dotted: str = ""
    pattern: str = ""

    def child(self, name: str) -> "KeyPlace":
        return KeyPlace(_join(self.dotted, toml.key(name)), _join(self.pattern, name))

    def named(self, name: str) -> "KeyPlace":
        """Returns a child whose name the user has chosen."""
        return KeyPlace(_join(self.dotted, toml.key(name)), _join(self.pattern, "*"))


@dataclass
class ConfigReading:
    """One run of the loader.

    folder: where relative paths start.
    open_file: whether other users can read the configuration file.
    origins: dotted place -> the environment variable that put the value there.
    """

    folder: Path
    environ: Mapping[str, str]
    open_file: bool = False
    origins: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def problem(self, where: str, what: str) -> None:
        self.problems.append(f"{where}{self._origin(where)}: {what}")

    def invalid(self, where: str, wrong: Invalid) -> None:
        for at, what in wrong.problems:
            self.problem(where + at, what)

    def has_problem(self, where: str) -> bool:
        """Whether something is wrong at or below `where`. What follows from that is not reported."""
        return any(problem.startswith(where) for problem in self.problems)

    def warn(self, where: str, what: str) -> None:
        self.warnings.append(f"{where}: {what}")

    def path(self, text: str) -> Path:
        """Returns `text` as a path; a relative one starts at the folder of the configuration file."""
        return self.folder / text

    def _origin(self, where: str) -> str:
        names = (
            name
            for place, name in self.origins.items()
            if where == place or where.startswith((place + ".", place + "["))
        )
        return next((f" ({name})" for name in names), "")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Returns ` (did you mean "timeout"?)` with the nearest known word, or "" when none is near."""
    import difflib

    near = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean {toml.quote(near[0])}?)" if near else ""


def kind_of(value: object) -> str:
    """Returns the type of a TOML value in words, for "must be …, not …": a message must not repeat a secret."""
    if value is None:
        return "nothing"
    return _KINDS.get(type(value), "text" if isinstance(value, str) else "a date or time")


_KINDS: Mapping[type, str] = {
    bool: "true or false",
    int: "a number",
    float: "a number with a point",
    str: "text",
    list: "a list",
    dict: "a table",
}


def _join(parent: str, name: str) -> str:
    return f"{parent}.{name}" if parent else name
