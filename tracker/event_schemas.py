"""The JSON Schema of every event type, one file each under schemas/.

    from tracker import event_schemas
    jsonschema.validate(event, event_schemas.schema(event["type"]))

`python -m tracker.event_schemas DIRECTORY` writes the files from core/events/event_schema.
"""

import json
import sys
from pathlib import Path
from typing import Any

from tracker.core.events import event_schema

DIRECTORY = Path(__file__).parent / "schemas"


def types() -> tuple[str, ...]:
    """Returns the event types that have a schema: all but those of features still to come."""
    return event_schema.TYPES


def schema(type_: str) -> dict[str, Any]:
    """Returns the schema (draft 2020-12) of the events of this type. Raises KeyError for a type without one."""
    if type_ not in event_schema.TYPES:
        raise KeyError(type_)
    found: dict[str, Any] = json.loads((DIRECTORY / f"{type_}.json").read_text("utf-8"))
    return found


def text(type_: str) -> str:
    """Returns the text of the file for this type."""
    return json.dumps(event_schema.schema(type_), indent=2) + "\n"


def write(directory: Path) -> None:
    """Write one file for each type, named after it."""
    directory.mkdir(parents=True, exist_ok=True)
    for type_ in types():
        (directory / f"{type_}.json").write_text(text(type_), "utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else DIRECTORY)
