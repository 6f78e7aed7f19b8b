"""Reads and checks secrets, which stand in one of four forms: key, key_file, key_env, key_credential.

Rule 1: exactly one form is given. Two are a problem, because either could be meant.
Rule 2: no problem and no warning ever repeats a secret, or a part of one.
"""

import base64
import binascii
import re
import stat
from collections.abc import Callable, Mapping
from pathlib import Path

from tracker.config.overrides import FORMS, Override
from tracker.config.reading import ConfigReading, Invalid, kind_of
from tracker.config.toml import quote, quoted
from tracker.config.values import Secret

# No secret is larger. A wrong path (a database, a log) must not be read into memory.
_FILE_MAX = 64 * 1024
_OTHERS_MAY = stat.S_IRGRP | stat.S_IROTH | stat.S_IWGRP | stat.S_IWOTH
_WEBHOOK_PREFIX = "whsec_"

FetchSecret = Callable[[str, str, ConfigReading], str]


def given_forms(base: str, table: Mapping[str, object]) -> list[str]:
    """Returns the forms of a secret that are in `table`. An empty one counts as absent."""
    return [base + form for form in FORMS if table.get(base + form) not in (None, "", [])]


def read(base: str, name: str, value: object, at: str, reading: ConfigReading) -> tuple[Secret, ...]:
    """Returns the secrets that the key `name`, a form of `base`, leads to: one, or one for each entry of a list."""
    fetch = _FETCH[name.removeprefix(base)]
    if not isinstance(value, list):
        return (_read_one(fetch, value, at, reading),)
    return tuple(_read_one(fetch, entry, f"{at}[{i}]", reading) for i, entry in enumerate(value))


TOKEN_MIN = 16  # characters; a shorter token can be guessed


def check_token(text: str) -> None:
    """Raises Invalid unless `text` can be a token for this server, which strangers may try to guess."""
    check_key(text)
    if len(text) < TOKEN_MIN:
        raise Invalid(f"must have {TOKEN_MIN} characters or more; make one: openssl rand -hex 24")


def check_key(text: str) -> None:
    """Raises Invalid unless `text` is one printable line, as the key of a panel and a token are."""
    if not text.isprintable():
        raise Invalid("contains a control character or a second line; keep the bare secret only")
    if text != text.strip():
        raise Invalid("begins or ends with a space; remove it")


# Set by the tracker or by HTTP itself. A second value would be another request than the one that is signed.
_OWN_HEADERS = re.compile(
    r"host|content-.*|transfer-encoding|connection|keep-alive|expect|upgrade|te|trailer|user-agent|accept-encoding"
    r"|webhook-.*|tracker-.*"
)
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")  # a token of RFC 9110


def check_header_name(name: str) -> None:
    """Raises Invalid unless a hook may send a header of this name."""
    if not _HEADER_NAME.fullmatch(name):
        raise Invalid("is not the name of a header; write one like Authorization")
    if _OWN_HEADERS.fullmatch(name.lower()):
        raise Invalid("is a header that tracker sets itself; remove it")


def check_header(text: str) -> None:
    """Raises Invalid unless `text` can be the value of a header."""
    check_key(text)
    if not text.isascii():
        raise Invalid("may hold ASCII characters only: it goes into an HTTP header")


def check_webhook(text: str) -> None:
    """Raises Invalid unless `text` can sign events.

    After `whsec_` it is base64, padded or not (Standard Webhooks, "Signature scheme"). Without that prefix the text
    itself is the key.
    """
    check_key(text)
    if not text.startswith(_WEBHOOK_PREFIX):
        return
    encoded = text.removeprefix(_WEBHOOK_PREFIX).rstrip("=")
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):  # ValueError: not ASCII
        key = b""
    if not key:
        raise Invalid(f"must be valid base64 after {_WEBHOOK_PREFIX}; {_MAKE_ONE}")


_MAKE_ONE = 'make one with: echo "whsec_$(openssl rand -base64 32)"'


def others_may(mode: int) -> bool:
    """Whether the group of a file, or every user, may read or write it. mode: as in `st_mode`."""
    return bool(mode & _OTHERS_MAY)


def inline_warning(at: str, value: object, reading: ConfigReading) -> None:
    """Warns about a secret in a configuration file that other users can read."""
    if reading.open_file and not isinstance(value, Override):
        reading.warn(at, "is a secret in a file that other users can open; chmod 600 it, or use the _file form")


def _read_one(fetch: FetchSecret, value: object, at: str, reading: ConfigReading) -> Secret:
    if not isinstance(value, str):
        raise Invalid(problems=[(at, f"must be text in quotes, not {kind_of(value)}")])
    try:
        return Secret(fetch(value, at, reading))
    except Invalid as wrong:
        raise Invalid(problems=wrong.under(at)) from None


def _inline(value: str, _at: str, _reading: ConfigReading) -> str:
    return value


def _from_file(value: str, at: str, reading: ConfigReading) -> str:
    path = reading.path(value)
    text, mode = _contents(path)
    if others_may(mode):
        reading.warn(
            at,
            f"{_shown(path)} can be opened by other users (mode {mode & 0o777:04o}); chmod 600 it",
        )
    return text


def _from_env(value: str, _at: str, reading: ConfigReading) -> str:
    text = reading.environ.get(value, "").rstrip("\r\n")
    if not text:
        raise Invalid(f"the environment variable {quoted(value)} is not set, or empty")
    return text


def _from_credential(value: str, _at: str, reading: ConfigReading) -> str:
    folder = reading.environ.get("CREDENTIALS_DIRECTORY")
    if not folder:
        raise Invalid("$CREDENTIALS_DIRECTORY is not set; add LoadCredential= to the unit")
    if "/" in value or value in (".", ".."):
        raise Invalid("must be the bare name of a credential, without a path")
    return _contents(Path(folder) / value)[0]


def _contents(path: Path) -> tuple[str, int]:
    """Returns the text of a secret's file without line breaks at its end, and the mode of the file."""
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            raise Invalid(f"{_shown(path)} is not a regular file")
        with path.open("rb") as file:
            raw = file.read(_FILE_MAX + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise Invalid(f"{_shown(path)} {_REASONS.get(type(error), 'cannot be read')}") from None
    return _text(raw, path), mode


def _text(raw: bytes, path: Path) -> str:
    if len(raw) > _FILE_MAX:
        raise Invalid(f"{_shown(path)} is too large for a secret")
    try:
        # "-sig": some editors put a byte order mark before the first character.
        text = raw.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        raise Invalid(f"{_shown(path)} is not UTF-8 text") from None
    if not text:
        raise Invalid(f"{_shown(path)} is empty; write the secret into it")
    return text


def _shown(path: Path) -> str:
    text = str(path)
    return text if text.isprintable() else quote(text)


_REASONS: Mapping[type[Exception], str] = {
    FileNotFoundError: "does not exist",
    NotADirectoryError: "does not exist",
    PermissionError: "may not be read by this user",
}

_FETCH: Mapping[str, FetchSecret] = {
    "": _inline,
    "_file": _from_file,
    "_env": _from_env,
    "_credential": _from_credential,
}
