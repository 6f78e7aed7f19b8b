"""Shows the effective configuration as TOML: with defaults and overrides, and every secret masked."""

from collections.abc import Iterator, Mapping
from typing import Any

from tracker.config import toml
from tracker.config.overrides import Override, base_of, plain
from tracker.config.reading import Invalid
from tracker.config.schema import ROOT, Key, Many, SchemaEntry, SecretKey, Secrets, Section
from tracker.config.secrets import given_forms
from tracker.config.values import Config


def show(config: Config) -> str:
    """Returns the effective configuration as a TOML document.

    Secrets read `***`; of a hook's URL scheme and host are shown.
    """
    origin = "the environment" if config.source is None else str(config.source)
    lines = [f"# Effective configuration, from {toml.quote(origin)}. Secrets are masked."]
    for name, table in config.effective.items():
        lines += _table(name, table)
    return "\n".join(lines) + "\n"


def effective(document: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a valid document with defaults filled in and secrets masked, in the order of the schema."""
    return _section(ROOT, document)


def _section(section: Section, table: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, entry in section.keys.items():
        found.update(_entry(entry, name, table))
    return found


def _entry(entry: SchemaEntry, name: str, table: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the keys to show for an entry: none when it is absent and has no default."""
    match entry:
        case Key():
            thing = table.get(name, entry.default)
            return {} if thing is None else {name: _value(entry, thing)}
        case SecretKey():
            return _secret(entry, name, table)
        case Secrets():
            given = table.get(name, {})
            shown: dict[str, Any] = {}
            for base in dict.fromkeys(map(base_of, given)):
                shown |= _secret(entry.secret, base, given)
            return {name: shown} if shown else {}
        case Section():
            absent = name not in table and entry.optional
            return {} if absent else {name: _section(entry, table.get(name, {}))}
        case Many():
            return {name: {key: _section(entry.section, child) for key, child in table.get(name, {}).items()}}


def _value(entry: Key, thing: Any) -> Any:
    """Returns an override as it would stand in the file: 12 for a number, "12" for text."""
    if not isinstance(thing, Override):
        return thing
    try:
        entry.parse(plain(thing))
    except Invalid:
        return str(thing)
    return plain(thing)


def _secret(entry: SecretKey, name: str, table: Mapping[str, Any]) -> dict[str, Any]:
    for form in given_forms(name, table):
        thing = table[form]
        if form != name:  # where it is, not what it is
            return {form: thing}
        several = plain(thing) if entry.many else thing
        masked = [entry.shown(one) for one in several] if isinstance(several, list) else entry.shown(thing)
        return {name: masked}
    return {} if entry.default is None else {name: entry.default}


def _table(name: str, table: Mapping[str, Any]) -> Iterator[str]:
    """Yields the lines of a section under its header, then those of the sections inside it."""
    inner = {key: child for key, child in table.items() if isinstance(child, Mapping)}
    settings = {key: thing for key, thing in table.items() if key not in inner}
    if settings:
        yield from ("", f"[{name}]")
        yield from (f"{toml.key(key)} = {toml.value(thing)}" for key, thing in settings.items())
    for key, child in inner.items():
        yield from _table(f"{name}.{toml.key(key)}", child)
