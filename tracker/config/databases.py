"""The database's address: a file inside data_dir, a file anywhere, or PostgreSQL."""

from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from tracker.config.reading import Invalid

SQLITE = "sqlite:///"
POSTGRES = ("postgresql://", "postgres://")

# The ways to name a SQLite database in memory, which is lost when the process ends.
_NO_FILE = ("", ":memory:")


def check(url: str) -> None:
    """Raises Invalid unless `url` names a database that can be used here. No message repeats the URL."""
    if not url.isprintable():
        raise Invalid("contains a control character or a line break")
    if url.startswith(SQLITE):
        _check_sqlite(url.removeprefix(SQLITE))
    elif url.startswith(POSTGRES):
        _check_postgres(url)
    else:
        raise Invalid('must be like "sqlite:///tracker.db" or "postgresql://user@host/name"')


def resolve(url: str, data_dir: Path) -> str:
    """Returns the address in full: `sqlite:////` and an absolute path, percent-encoded; or `postgresql://…`."""
    if url.startswith(SQLITE):
        return SQLITE + quote(str(data_dir / unquote(url.removeprefix(SQLITE))))
    return POSTGRES[0] + url.partition("://")[2]


def _check_sqlite(file: str) -> None:
    if file in _NO_FILE or file.endswith("/"):
        raise Invalid('must name a file, such as "sqlite:///tracker.db"; without one nothing is kept')
    if "\0" in unquote(file):
        raise Invalid("must not contain a NUL")
    if "?" in file or "#" in file:
        raise Invalid('takes no options; end it with the file name, as in "sqlite:///tracker.db"')


def _check_postgres(url: str) -> None:
    from importlib.util import find_spec

    try:
        parts = urlsplit(url)
    except ValueError:
        raise Invalid("cannot be read as a URL; its host is malformed") from None
    # An unescaped @, / or # in a password moves the rest of it into other parts of the URL.
    if parts.fragment or "@" in parts.path + parts.query:
        raise Invalid("write @ : / ? # in the password as %40 %3A %2F %3F %23")
    if not parts.path.strip("/"):
        raise Invalid("must end with the name of a database, such as postgresql://user@host/tracker")
    if find_spec("psycopg") is None:
        raise Invalid("PostgreSQL needs psycopg: pip install 'tracker[postgres]'")
