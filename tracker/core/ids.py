"""The shape of ids of orders and refills, which are text that the panel chose.

The patterns are written so that Python and JSON Schema both read them.
"""

import re

ID_MAX = 100  # characters

# What no id can contain, as the inside of a character class: a comma separates the ids of a batch, and white space and
# control characters do not arrive at the panel as they were written. The gap is for further characters.
_NEVER = r"\s,%s\u0000-\u0020\u007f-\u00a0"
ID_PATTERN = f"^[^{_NEVER % ''}]+$"
# A semicolon in an id that a person or a file hands over means that it is a row of a spreadsheet. What the panel itself
# calls an order is not doubted.
GIVEN_ID_PATTERN = f"^[^{_NEVER % ';'}]+$"
GIVEN_ID_SHAPE = f"1 to {ID_MAX} characters without comma, semicolon or white space"

_ID = re.compile(ID_PATTERN)
_GIVEN_ID = re.compile(GIVEN_ID_PATTERN)
_NUMBER = re.compile(r"0|[1-9][0-9]*")
_RESPELLED = re.compile(r"[+-]?\d+(?:\.0*)?")


def valid_id(remote_id: str) -> bool:
    """Whether a panel can be asked for this id."""
    return len(remote_id) <= ID_MAX and _ID.fullmatch(remote_id) is not None


def valid_given_id(remote_id: str) -> bool:
    """Whether this is an id that a person, a file or a program may hand over."""
    return len(remote_id) <= ID_MAX and _GIVEN_ID.fullmatch(remote_id) is not None


def is_respelled(remote_id: str) -> bool:
    """Whether this is a number spelled differently from how a panel prints it.

    Many panels take 0023501 for 23501, but an order is tracked under one id only.
    """
    return _RESPELLED.fullmatch(remote_id) is not None and not _NUMBER.fullmatch(remote_id)
