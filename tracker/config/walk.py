"""Reads a document by the tables of `schema`: returns the values, notes every problem, raises nothing.

A value that cannot be read is replaced by its default, so that the rest of the document is still checked.
"""

from collections.abc import Mapping
from typing import Any

from tracker.config import secrets
from tracker.config.overrides import FORMS, Override, base_of, plain
from tracker.config.parsers import section_name
from tracker.config.reading import ConfigReading, Invalid, KeyPlace, did_you_mean, kind_of
from tracker.config.schema import NOT_BUILT, Key, Many, SchemaEntry, SecretKey, Secrets, Section
from tracker.config.toml import quoted, value
from tracker.config.values import Secret

Values = dict[str, Any]


def read_section(section: Section, table: Mapping[str, object], place: KeyPlace, reading: ConfigReading) -> Values:
    """Returns the value of every key of the section: parsed, or its default."""
    values = {name: _read(entry, name, table, place.child(name), reading) for name, entry in section.keys.items()}
    known = known_names(section)
    for name in table:
        if name not in known:
            word = "key" if place.dotted else "section"
            remedy = did_you_mean(name, known) or "; remove it"
            reading.problem(place.child(name).dotted, f"unknown {word}{remedy}")
    return values


def known_names(section: Section) -> list[str]:
    """Returns the names that may stand in the section, all forms of its secrets included."""
    return [
        name + form
        for name, entry in section.keys.items()
        for form in (FORMS if isinstance(entry, SecretKey) else ("",))
    ]


def _read(entry: SchemaEntry, name: str, table: Mapping[str, object], place: KeyPlace, reading: ConfigReading) -> Any:
    match entry:
        case Key():
            return _read_key(entry, table.get(name), place, reading)
        case SecretKey():
            return _read_secret(entry, name, table, place, reading)
        case Secrets():
            return _read_secrets(entry, table.get(name), place, reading)
        case Section():
            return _read_table(entry, table.get(name), place, reading)
        case Many():
            return _read_many(entry, table.get(name), place, reading)


def _read_key(entry: Key, given: object, place: KeyPlace, reading: ConfigReading) -> Any:
    default = None if entry.default is None else entry.parse(entry.default)
    if given is None:
        if entry.missing:
            reading.problem(place.dotted, f"missing; {entry.missing}")
        return default
    try:
        found = entry.parse(given)
    except Invalid as wrong:
        reading.invalid(place.dotted, wrong)
        return default
    if found != default:
        _refuse_unbuilt(place, reading, entry.default, found)
    return found


def _read_secret(
    entry: SecretKey, name: str, table: Mapping[str, object], place: KeyPlace, reading: ConfigReading
) -> tuple[Secret, ...] | Secret | None:
    """Returns the secret of a key, or None; for a key that takes many, a tuple."""
    forms = secrets.given_forms(name, table)
    default = Secret(entry.default) if entry.default else None
    nothing = () if entry.many else default
    if not forms:
        if entry.missing:
            reading.problem(place.dotted, f"missing; {entry.missing}")
        return nothing
    if len(forms) > 1:
        reading.problem(place.dotted, f"given {len(forms)} times, as {', '.join(forms)}; keep one of them")
        return nothing
    if place.pattern in NOT_BUILT:
        _refuse_unbuilt(place, reading, entry.default)
        return nothing
    found = _one_form(entry, name, forms[0], table[forms[0]], place, reading)
    if not found:
        return nothing
    return found if entry.many else found[0]


def _read_secrets(entry: Secrets, given: object, place: KeyPlace, reading: ConfigReading) -> dict[str, Secret]:
    if not isinstance(given, dict | None):
        example = '{ Authorization_file = "FILE" }'
        reading.problem(place.dotted, f"must be a table, such as {example}, not {kind_of(given)}")
        given = None
    found: dict[str, Secret] = {}
    for base in dict.fromkeys(map(base_of, given or {})):
        child = place.child(base)
        try:
            entry.check_name(base)
        except Invalid as wrong:
            reading.invalid(child.dotted, wrong)
            continue
        if base.lower() in map(str.lower, found):
            reading.problem(child.dotted, "given twice: capitals make no difference; keep one of them")
        secret = _read_secret(entry.secret, base, given or {}, child, reading)
        found |= {base: secret} if isinstance(secret, Secret) else {}
    return found


def _one_form(
    entry: SecretKey, base: str, form: str, given: object, place: KeyPlace, reading: ConfigReading
) -> tuple[Secret, ...]:
    at = place.dotted + form.removeprefix(base)
    if entry.many and isinstance(given, Override) and given.startswith("["):
        given = plain(given)
    if isinstance(given, list) and not entry.many:
        reading.problem(at, "must be text in quotes, not a list")
        return ()
    try:
        found = secrets.read(base, form, given, at, reading)
    except Invalid as wrong:
        reading.invalid("", wrong)
        return ()
    for index, secret in enumerate(found):
        try:
            entry.check(secret.reveal())
        except Invalid as wrong:
            reading.invalid(f"{at}[{index}]" if isinstance(given, list) else at, wrong)
    if form == base and any(entry.shown(secret.reveal()) != secret.reveal() for secret in found):
        secrets.inline_warning(at, given, reading)
    return found


def _read_table(entry: Section, given: object, place: KeyPlace, reading: ConfigReading) -> Values | None:
    if given is None and entry.optional:
        return None
    if place.pattern in NOT_BUILT:
        _refuse_unbuilt(place, reading)
    if not isinstance(given, dict | None):
        reading.problem(place.dotted, f"must be a table, not {kind_of(given)}")
        given = None
    return read_section(entry, given or {}, place, reading)


def _read_many(entry: Many, given: object, place: KeyPlace, reading: ConfigReading) -> dict[str, Values]:
    if not isinstance(given, dict | None):
        reading.problem(place.dotted, f"must be sections like [{place.dotted}.NAME], not {kind_of(given)}")
        given = None
    found: dict[str, Values] = {}
    for name, table in (given or {}).items():
        child = place.named(name)
        try:
            section_name(name)
        except Invalid as wrong:
            reading.invalid(child.dotted, wrong)
        if isinstance(table, dict):
            found[name] = read_section(entry.section, table, child, reading)
        else:
            reading.problem(child.dotted, f"must be a section, [{place.dotted}.NAME], not {kind_of(table)}")
        if place.pattern in NOT_BUILT:
            _refuse_unbuilt(child, reading)
    return found


def _refuse_unbuilt(place: KeyPlace, reading: ConfigReading, default: Any = None, found: Any = None) -> None:
    """Notes a problem when the feature of the key at `place` is not built yet and the value `found` needs it."""
    allowed = NOT_BUILT.get(place.pattern.removesuffix(".*"))
    if allowed is None or found in allowed:
        return
    choice = [value(one) for one in (default, *allowed) if one is not None]
    leave = f" or leave it at {' or '.join(choice)}" if choice else ""
    what = f"{quoted(found)} is not" if place.pattern.endswith(".type") else "not"
    reading.problem(place.dotted, f"{what} built yet in this version; remove it{leave}")
