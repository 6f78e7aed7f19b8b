"""Where a configuration file is looked for, and in which order."""

import stat

import pytest

from tests.config.conftest import MINIMAL
from tracker.config import find, load
from tracker.config.places import make_data_dir
from tracker.errors import Exit, UserError


def test_the_first_place_that_has_a_file_counts(folder):
    explicit = folder.file("explicit.toml", MINIMAL)
    variable = folder.file("variable.toml", MINIMAL)
    here = folder.file("work/config.toml", MINIMAL)
    xdg = folder.file("xdg/tracker/config.toml", MINIMAL)
    home = folder.file("home/.config/tracker/config.toml", MINIMAL)
    cwd = folder.path / "work"
    environ = {
        "HOME": str(folder.path / "home"),
        "XDG_CONFIG_HOME": str(folder.path / "xdg"),
        "TRACKER_CONFIG": str(variable),
    }

    assert find(explicit, environ, cwd) == explicit
    assert find(None, environ, cwd) == variable
    del environ["TRACKER_CONFIG"]
    assert find(None, environ, cwd) == here
    here.unlink()
    assert find(None, environ, cwd) == xdg
    xdg.unlink()
    del environ["XDG_CONFIG_HOME"]
    assert find(None, environ, cwd) == home


def test_a_relative_name_starts_where_the_user_is(folder):
    path = folder.file("etc/mine.toml", MINIMAL)

    assert find(path.relative_to(folder.path), {}, folder.path) == path
    assert find(None, {"TRACKER_CONFIG": "etc/mine.toml"}, folder.path) == path


def test_when_there_is_none_every_place_is_named_and_the_way_on(folder):
    with pytest.raises(UserError) as refused:
        find(None, {"HOME": str(folder.path)}, folder.path)

    assert refused.value.exit_code == Exit.CONFIG
    assert refused.value.problems == [
        f"{folder.path}/config.toml does not exist",
        f"{folder.path}/.config/tracker/config.toml does not exist",
        "/etc/tracker/config.toml does not exist",
        "`tracker init` writes one here; --config and $TRACKER_CONFIG name one elsewhere",
    ]


@pytest.mark.parametrize(("name", "said"), [("no.toml", "does not exist"), (".", "is a directory")])
def test_a_file_that_was_named_must_be_there_whatever_else_is(folder, name, said):
    folder.file("config.toml", MINIMAL)

    with pytest.raises(UserError, match=rf"--config: .* {said}; `tracker init`"):
        load(folder.path / name, {}, cwd=folder.path)


def test_the_data_directory_is_made_for_this_user_alone_and_one_that_is_there_stays_as_it_is(tmp_path):
    make_data_dir(tmp_path / "deep" / "state")

    assert stat.S_IMODE((tmp_path / "deep" / "state").stat().st_mode) == 0o700
    (tmp_path / "deep" / "state").chmod(0o750)
    make_data_dir(tmp_path / "deep" / "state")
    assert stat.S_IMODE((tmp_path / "deep" / "state").stat().st_mode) == 0o750


@pytest.mark.parametrize(("name", "said"), [("file", "File exists"), ("file/state", "Not a directory")])
def test_a_data_directory_that_cannot_be_made_names_the_key_that_moves_it(tmp_path, name, said):
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(UserError) as refused:
        make_data_dir(tmp_path / name)

    assert refused.value.exit_code == Exit.CONFIG
    assert str(refused.value) == (
        f"cannot use {tmp_path / name}: {said}\n  set daemon.data_dir to a directory this user may write"
    )
