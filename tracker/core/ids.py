"""Ids of orders and refills: text that the panel chose.

Their shape is stated here, in a spelling that Python and JSON Schema both read.
"""

import re

ID_MAX = 100  # characters

# What an id cannot hold, as the inside of a character class: a comma separates the ids of a batch, and white space and
# control characters do not arrive at the panel as they were written.
_NEVER = r"\s,\u0000-\u0020\u007f-\u00a0"
ID_PATTERN = f"^[^{_NEVER}]+$"
# A semicolon in an id that a person or a file hands over means that it is a row of a spreadsheet. What the panel itself
# calls an order is not doubted.
GIVEN_ID_PATTERN = f"^[^;{_NEVER}]+$"
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
    """Whether this is a number, but not as a panel prints it.

    To many panels 0023501 is 23501, and what is tracked has one name.
    """
    return _RESPELLED.fullmatch(remote_id) is not None and not _NUMBER.fullmatch(remote_id)
