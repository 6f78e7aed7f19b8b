"""Ids of orders and refills are text, chosen by the panel."""

import re

# No comma (it separates ids in a batch), no white space, no control character, no half of a surrogate
# pair (UTF-8 has none): what is left arrives at the panel as it was written.
_ID = re.compile(r"[^\s,\x00-\x20\x7f-\xa0\ud800-\udfff]{1,255}")


def valid_id(remote_id: str) -> bool:
    return _ID.fullmatch(remote_id) is not None
