"""Decides which addresses a webhook may call, from a table of address ranges.

Rule 1: the address about to be dialled is judged, never the text that led to it.
Rule 2: an address that carries another one is judged as both, and the worse counts.
Rule 3: an address written as such in a URL is consent for that address. A spelling that hides where it
leads (127.1, 2130706433, ::ffff:127.0.0.1) is no consent: it is judged like a name.
"""

from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from msgspec import Struct

IPAddress = IPv4Address | IPv6Address


class Reach(IntEnum):
    """Who answers at an address; the higher, the worse."""

    PUBLIC = 0
    INSIDE = 1  # this machine, its network, or reserved: may be called with consent
    NEVER = 2


# The first line that fits counts. From IANA's registries of special-purpose IPv4 and IPv6 addresses
# (RFC 6890 and those after it). The metadata addresses are those that large clouds document; they give
# away credentials of the machine, and some lie in ranges that are otherwise private or even public.
_RANGES = (
    (Reach.NEVER, "a cloud metadata address", "169.254.169.254 100.100.100.200 168.63.129.16 192.0.0.192"),
    (Reach.NEVER, "a cloud metadata address", "fd00:ec2::/32 fd20:ce::254 fd00:42::42 fd00:c1::a9fe:a9fe"),
    (Reach.NEVER, "a link-local address", "169.254.0.0/16 fe80::/10"),
    (Reach.NEVER, "an unspecified address", "0.0.0.0/8 ::"),
    (Reach.NEVER, "a multicast address", "224.0.0.0/4 ff00::/8"),
    (Reach.NEVER, "the broadcast address", "255.255.255.255"),
    (Reach.INSIDE, "a loopback address", "127.0.0.0/8 ::1"),
    (Reach.INSIDE, "a private address", "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 fc00::/7 fec0::/10"),
    (Reach.INSIDE, "a provider's internal address", "100.64.0.0/10"),
    (Reach.INSIDE, "a documentation address", "192.0.2.0/24 198.51.100.0/24 203.0.113.0/24"),
    (Reach.INSIDE, "a documentation address", "2001:db8::/32 3fff::/20"),
    (Reach.INSIDE, "a benchmarking address", "198.18.0.0/15 2001:2::/48"),
    (Reach.INSIDE, "a local NAT64 address", "64:ff9b:1::/48"),
    (Reach.INSIDE, "a reserved address", "192.0.0.0/24 192.88.99.0/24 240.0.0.0/4 2001::/23"),
    (Reach.PUBLIC, "a public address", "0.0.0.0/0 2000::/3 64:ff9b::/96 ::ffff:0:0/96"),
    (Reach.INSIDE, "a reserved address", "::/0"),
)
_NETWORKS = tuple((reach, what, ip_network(one)) for reach, what, many in _RANGES for one in many.split())

# Where an IPv6 address carries an IPv4 one: the prefix, the four bytes, and whether they are inverted.
_LAST = (12, 13, 14, 15)
_CARRIERS = tuple(
    (ip_network(prefix), places, flip)
    for prefix, places, flip in (
        ("::ffff:0:0/96", _LAST, 0),  # IPv4-mapped: the kernel dials the IPv4 address itself
        ("::ffff:0:0:0/96", _LAST, 0),  # IPv4-translated (RFC 2765)
        ("::/96", _LAST, 0),  # IPv4-compatible (RFC 4291)
        ("64:ff9b::/96", _LAST, 0),  # NAT64 (RFC 6052)
        ("64:ff9b:1::/48", _LAST, 0),  # local NAT64 (RFC 8215): the operator chooses where,
        ("64:ff9b:1::/48", (6, 7, 9, 10), 0),  # and these are the two ends of the choice
        ("2002::/16", (2, 3, 4, 5), 0),  # 6to4 (RFC 3056)
        ("2001::/32", (4, 5, 6, 7), 0),  # Teredo (RFC 4380): its server,
        ("2001::/32", _LAST, 0xFF),  # and its client, inverted
    )
)


class AddressVerdict(Struct, frozen=True):
    """The verdict on one address.

    carried: the address inside it that decided, None when the address itself did.
    """

    reach: Reach
    what: str
    carried: IPv4Address | None = None


class Consent(Struct, frozen=True):
    """What a hook may call besides public addresses.

    address: the one address written in its URL.
    private: every address that is INSIDE.
    """

    address: IPAddress | None = None
    private: bool = False


def judge(address: str) -> AddressVerdict:
    """Returns the verdict on an address as the system writes it, with or without a zone.

    A text that is not an address is NEVER called.
    """
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return AddressVerdict(Reach.NEVER, "not an address")
    own = AddressVerdict(*_place(parsed))
    return max([*(AddressVerdict(*_place(one), one) for one in _carried(parsed, own.reach)), own], key=_reach)


def refusal(address: str, consent: Consent) -> str | None:
    """Returns why `address` must not be dialled, None if it may be."""
    verdict = judge(address)
    if verdict.reach is Reach.PUBLIC or (verdict.reach is Reach.INSIDE and consent.private):
        return None
    carried = f" (with {verdict.carried} inside)" if verdict.carried else ""
    leads = f"leads to {address}{carried}, {verdict.what}"
    if verdict.reach is Reach.NEVER:
        return f"{leads}, and those are never called"
    if verdict.carried is None and consent.address is not None and consent.address == written(address):
        return None
    return f"{leads}; write the plain address in the URL, or say allow_private = true"


def written(host: str) -> IPAddress | None:
    """Returns the host of a URL as an address; None for a name, or for a spelling that only leads to an address."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def _place(address: IPAddress) -> tuple[Reach, str]:
    return next((reach, what) for reach, what, network in _NETWORKS if address in network)


def _carried(address: IPAddress, reach: Reach) -> list[IPv4Address]:
    if isinstance(address, IPv4Address):
        return []
    readings = [
        IPv4Address(bytes(address.packed[place] ^ flip for place in places))
        for prefix, places, flip in _CARRIERS
        if address in prefix
    ]
    # In an address that is not public, four bytes that begin with zero are padding: ::1 does not carry 0.0.0.1.
    return [one for one in readings if reach is Reach.PUBLIC or one.packed[0]]


def _reach(verdict: AddressVerdict) -> Reach:
    return verdict.reach
