"""Where the configuration file and the data directory are when the user names none."""

import stat
from collections.abc import Mapping
from pathlib import Path

from tracker.errors import Exit, UserError

ETC = Path("/etc/tracker/config.toml")
NAME = "config.toml"


def find(explicit: Path | None, environ: Mapping[str, str], cwd: Path) -> Path:
    """Returns the configuration file: --config, else $TRACKER_CONFIG, else the first of the usual places that has one.

    A file that is named must exist: no other place is tried instead. Raises UserError (78) with the places.
    """
    for what, named in (("--config", explicit), ("$TRACKER_CONFIG", environ.get("TRACKER_CONFIG"))):
        if named:
            return _must_exist(cwd / named, what)
    looked = [(place, _trouble(place)) for place in usual(environ, cwd)]
    for place, trouble in looked:
        if not trouble:
            return place
    raise UserError(
        "no configuration found",
        [
            *(f"{place} {trouble}" for place, trouble in looked),
            "`tracker init` writes one here; --config and $TRACKER_CONFIG name one elsewhere",
        ],
        exit_code=Exit.CONFIG,
    )


def usual(environ: Mapping[str, str], cwd: Path) -> list[Path]:
    """Returns the places where a configuration file is looked for, in this order."""
    home = _xdg("XDG_CONFIG_HOME", ".config", environ)
    return [cwd / NAME, *([home / "tracker" / NAME] if home else []), ETC]


def default_data_dir(environ: Mapping[str, str]) -> Path | None:
    """Returns $STATE_DIRECTORY, else $XDG_STATE_HOME/tracker, else ~/.local/state/tracker; None without a home."""
    # systemd gives a colon-separated list when the unit has several; the first is ours.
    if state := environ.get("STATE_DIRECTORY", "").split(":")[0]:
        return Path(state)
    home = _xdg("XDG_STATE_HOME", ".local/state", environ)
    return home / "tracker" if home else None


def make_data_dir(path: Path) -> None:
    """Makes a directory for data with mode 0700; one that exists keeps its mode. Raises UserError (78) if it cannot."""
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise UserError(
            f"cannot use {path}: {error.strerror}",
            ["set daemon.data_dir to a directory this user may write"],
            Exit.CONFIG,
        ) from error


def _xdg(variable: str, below_home: str, environ: Mapping[str, str]) -> Path | None:
    """XDG Base Directory Specification: a relative path in such a variable is ignored."""
    given = Path(environ.get(variable, ""))
    if given.is_absolute():
        return given
    return Path(environ["HOME"]) / below_home if environ.get("HOME") else None


def _must_exist(path: Path, what: str) -> Path:
    if trouble := _trouble(path):
        raise UserError(
            "no configuration found",
            [f"{what}: {path} {trouble}; `tracker init` writes a new one"],
            exit_code=Exit.CONFIG,
        )
    return path


def _trouble(path: Path) -> str:
    """Returns why `path` cannot be read as a file, or "" for a file or a pipe."""
    try:
        return "is a directory" if stat.S_ISDIR(path.stat().st_mode) else ""
    except (FileNotFoundError, NotADirectoryError):
        return "does not exist"
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        return f"cannot be reached: {getattr(error, 'strerror', None) or error}"
