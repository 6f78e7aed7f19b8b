"""Names that people type, looked up among those that are configured."""

from collections.abc import Collection

from tracker.config.reading import did_you_mean
from tracker.errors import Exit, UserError


def configured(what: str, name: str, names: Collection[str]) -> str:
    """Returns `name` if it is one of `names`. Raises UserError (2), which lists the configured names, if it is not.

    what: "panel", "hook" or "intake".
    """
    if name in names:
        return name
    known = ", ".join(names) or "none"
    problem = f"configured: {known}{did_you_mean(name, list(names))}"
    raise UserError(f"there is no {what} {name!r}", [problem], Exit.USAGE)
