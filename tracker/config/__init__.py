"""Reads the configuration: TOML, secret files and environment overrides become one frozen Config, or every problem.

    path -> document -> overrides -> walk (tables of `schema`) -> checks -> build -> Config

`schema` is the reference of every key and of its default. Nothing here connects to anything.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tracker.config import build, checks, overrides, places, schema, secrets, walk
from tracker.config.overrides import PREFIX
from tracker.config.places import find
from tracker.config.reading import ConfigReading, KeyPlace
from tracker.config.show import effective, show
from tracker.config.values import (
    AppriseConfig,
    BalanceRules,
    ClientConfig,
    CommandConfig,
    Config,
    GatewayConfig,
    HookConfig,
    IntakeConfig,
    PanelConfig,
    Retention,
    Secret,
    WebhookConfig,
)
from tracker.errors import Exit, UserError


def load(path: Path | None, environ: Mapping[str, str], *, cwd: Path) -> Config:
    """Returns the whole configuration, or raises UserError (78) with every problem in it.

    path: None means that `find` looks for the file. Without any file, TRACKER__… variables are enough.
    cwd: where relative paths start when there is no file.
    """
    source = _source(path, environ, cwd)
    document = {} if source is None else _document(source, cwd)
    reading = ConfigReading(
        folder=cwd if source is None else source.parent,
        environ=environ,
        open_file=source is not None and secrets.others_may(source.stat().st_mode),
    )
    overrides.apply(document, reading)
    schema.fill_in_by_type(document)
    values = walk.read_section(schema.ROOT, document, KeyPlace(), reading)
    data_dir = _data_dir(values["daemon"]["data_dir"], reading)
    checks.check(values, reading)
    if reading.problems:
        raise _refusal("environment" if source is None else _shown(source, cwd), reading.problems)
    shown = effective(document)
    shown["daemon"]["data_dir"] = str(data_dir)
    return build.config(values, source, data_dir, shown, reading)


def _source(path: Path | None, environ: Mapping[str, str], cwd: Path) -> Path | None:
    try:
        return find(path, environ, cwd)
    except UserError:
        named = path or environ.get("TRACKER_CONFIG")
        if named or not overrides.present(environ):
            raise
        return None


def _document(source: Path, cwd: Path) -> dict[str, Any]:
    import tomllib

    text = ""
    try:
        text = source.read_bytes().decode("utf-8-sig")
        return tomllib.loads(text)
    except OSError as error:
        what = f"cannot be read: {error.strerror}"
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        what = f"line {line}: is not UTF-8 text; save the file as UTF-8"
    except (ValueError, RecursionError) as error:  # RecursionError: brackets nested a thousand deep
        end = f"line {len(text.splitlines())}, the end of the file"
        what = f"is not TOML: {error}".replace("end of document", end)
    raise _refusal(_shown(source, cwd), [what])


def _data_dir(given: str, reading: ConfigReading) -> Path:
    found = Path(given) if given else places.default_data_dir(reading.environ)
    if found is None:
        reading.problem("daemon.data_dir", "missing; name a directory ($STATE_DIRECTORY and $HOME are empty)")
    return reading.folder / (found or "")


def _refusal(title: str, problems: list[str]) -> UserError:
    count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
    return UserError(f"{title}: {count}", problems, exit_code=Exit.CONFIG)


def _shown(source: Path, cwd: Path) -> str:
    """Returns the path as a user in `cwd` would type it."""
    return str(source.relative_to(cwd) if source.is_relative_to(cwd) else source)


__all__ = [
    "PREFIX", "AppriseConfig", "BalanceRules", "ClientConfig", "CommandConfig", "Config", "GatewayConfig", "HookConfig",
    "IntakeConfig", "PanelConfig", "Retention", "Secret", "WebhookConfig", "find", "load", "show",
]  # fmt: skip
