"""The gateway's side of the panel API v2.

Rule 1: what the gateway does not know in a request it passes on; what it needs (ids, quantities) it reads strictly.
Rule 2: an unknown price counts as too high.
Rule 3: a field that a panel may read in another way than it was read here is not passed on.
"""
