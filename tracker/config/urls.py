"""Checks URLs, and masks what is secret in them.

No message of this file repeats a URL: any part of one may be a secret.
"""

import re
from collections.abc import Sequence
from urllib.parse import SplitResult, unquote, urlsplit

from tracker.config.reading import Invalid

MASK = "***"

# scheme://user:PASSWORD@host, and libpq's ?password=PASSWORD and ?sslpassword=PASSWORD
_USER_PASSWORD = re.compile(r"(://[^/?#:]*:)([^/?#]+)(?=@)")
_APPRISE = re.compile(r"[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)
_QUERY_PASSWORD = re.compile(r"([?&](?:ssl)?password=)([^&#]+)")


def check_http(url: str, *, plain_http: bool) -> None:
    """Raises Invalid unless a key or an event may be sent to `url`."""
    parts = _split(url, ("https", "http"))
    if parts.username is not None or parts.password is not None:
        raise Invalid("must not contain a user name or password; remove them from the URL")
    if parts.fragment:
        raise Invalid('must not contain a "#"; remove it and what follows it')
    if parts.scheme == "http" and not plain_http and not is_loopback(parts.hostname or ""):
        raise Invalid("must be https; or set plain_http = true in this section to send it unencrypted")


def check_proxy(url: str) -> None:
    """Raises Invalid unless `url` can be that of a proxy. It may contain a user name and a password."""
    if _split(url, ("http", "https")).path.strip("/"):
        raise Invalid("a proxy has no path; write http://host:port")
    if not unquote(url).isascii():
        raise Invalid("may hold ASCII characters only: its login goes into an HTTP header")


def check_apprise(url: str) -> None:
    """Raises Invalid unless `url` looks like one for apprise. A delivery shows whether apprise knows its scheme."""
    if not _APPRISE.fullmatch(url):
        raise Invalid("must be an address that apprise knows, such as tgram://TOKEN/CHAT, on one line")


def is_loopback(host: str) -> bool:
    """Whether `host` is localhost or a loopback address. No name is resolved."""
    if host.lower() == "localhost":
        return True
    import ipaddress

    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def shown(url: str) -> str:
    """Returns scheme, host and port: the part of a hook's URL that may be shown."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def masked(url: str) -> str:
    """Returns a hook's URL for `config show`, or only the mask for a URL that cannot be parsed.

    The host is shown for http and https only: in its place, tgram:// has the token.
    """
    try:
        scheme = urlsplit(url).scheme
        return f"{shown(url)}/{MASK}" if scheme in ("http", "https") else f"{scheme}://{MASK}" if scheme else MASK
    except ValueError:
        return MASK


def mask_password(url: str) -> str:
    """Returns the URL with every password in it masked."""
    return _QUERY_PASSWORD.sub(rf"\1{MASK}", _USER_PASSWORD.sub(rf"\1{MASK}", url))


def passwords(url: str) -> tuple[str, ...]:
    """Returns the passwords in a URL, each as it stands there and decoded."""
    found = [match[2] for pattern in (_USER_PASSWORD, _QUERY_PASSWORD) for match in pattern.finditer(url)]
    return tuple(dict.fromkeys(form for password in found for form in (password, unquote(password))))


def _split(url: str, schemes: Sequence[str]) -> SplitResult:
    # urlsplit drops line breaks and tabs silently; some programs read a backslash as a slash, others do not.
    if not url.isprintable() or " " in url or "\\" in url:
        raise Invalid("must not contain spaces, backslashes or control characters")
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise Invalid("cannot be read as a URL; its host or port is malformed") from None
    if parts.scheme not in schemes:
        raise Invalid(f"must begin with {schemes[0]}://")
    if not usable:
        raise Invalid(f"must name a host, such as {schemes[0]}://panel.example/api/v2")
    return parts
