"""Environment overrides: TRACKER__PANELS__MAIN__URL=… is `url` in [panels.main].

Rule 1: a double underscore separates, names are lower-cased; so a name with a capital, a dash or a double
underscore of its own cannot be reached.
Rule 2: an override of one form of a secret (key, key_file, …) replaces the file's other forms of it.
Rule 3: where a key takes text the value is that text; elsewhere it is read as TOML (true, 12, ["a"]).
"""

from collections.abc import Mapping
from typing import Any

from tracker.config.reading import ConfigReading, KeyPlace
from tracker.config.toml import key

PREFIX = "TRACKER__"
FORMS = ("", "_file", "_env", "_credential")


class Override(str):
    """The text of an environment variable. `as_toml` reads it as a value of another type."""

    __slots__ = ()

    def as_toml(self) -> object:
        """Returns a truth value, a whole number or a list if the text is one in TOML, else the text itself."""
        import tomllib

        try:
            value = tomllib.loads(f"value = {self}")
        except (ValueError, RecursionError):
            return str(self)
        # More than one key: the text has a line break and another line of TOML after it.
        found = value["value"] if len(value) == 1 else None
        return found if isinstance(found, bool | int | list) else str(self)


def plain(value: object) -> object:
    """Returns the value as it would be if it stood in the file."""
    return value.as_toml() if isinstance(value, Override) else value


def present(environ: Mapping[str, str]) -> bool:
    """Whether there is any override."""
    return any(name.startswith(PREFIX) for name in environ)


def apply(document: dict[str, Any], reading: ConfigReading) -> None:
    """Writes every override into `document`, and notes in `reading` which variable it came from."""
    for name in sorted(reading.environ):
        if name.startswith(PREFIX):
            _apply(document, name, reading)


def _apply(document: dict[str, Any], name: str, reading: ConfigReading) -> None:
    variable = "$" + key(name)
    parts = name.removeprefix(PREFIX).lower().split("__")
    if not all(parts):
        reading.problem(variable, "cannot be read; write it like TRACKER__PANELS__MAIN__URL")
        return
    table: Any = document
    place = KeyPlace()
    for part in parts[:-1]:
        place = place.child(part)
        table = table.setdefault(part, {})
        if not isinstance(table, dict):
            reading.problem(variable, f"{place.dotted} is not a section")
            return
    _forget_other_forms(table, parts[-1])
    table[parts[-1]] = Override(reading.environ[name])
    reading.origins[place.child(parts[-1]).dotted] = variable


def base_of(name: str) -> str:
    """Returns what a key is called without the ending of its form."""
    return next((name.removesuffix(form) for form in FORMS[1:] if name.endswith(form)), name)


def _forget_other_forms(table: dict[str, Any], name: str) -> None:
    base = base_of(name)
    for form in FORMS:
        if not isinstance(table.get(base + form), Override):
            table.pop(base + form, None)
