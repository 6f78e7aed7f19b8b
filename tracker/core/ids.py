"""Ids of orders and refills are text, chosen by the panel."""

import re

ID_MAX = 100  # characters
# No comma (it separates ids in a batch), no white space, no control character: what is left arrives
# at the panel as it was written. No semicolon: that is a row of a spreadsheet, not an id.
_ID = re.compile(rf"[^\s,;\x00-\x20\x7f-\xa0]{{1,{ID_MAX}}}")


def valid_id(remote_id: str) -> bool:
    return _ID.fullmatch(remote_id) is not None
