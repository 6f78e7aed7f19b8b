"""A configuration to begin with: it works as it is, and nothing is overwritten."""

import stat
import subprocess
import sys

import pytest

from tests.cli.conftest import Said, environ


@pytest.fixture
def init(tmp_path):
    """`tracker …` in an empty folder."""

    def run(*args, stdin=""):
        command = [sys.executable, "-m", "tracker", *args]
        done = subprocess.run(
            command, cwd=tmp_path, input=stdin, capture_output=True, text=True, env=environ(), check=False
        )
        return Said(done.returncode, done.stdout, done.stderr)

    return run


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_what_it_writes_works_once_the_key_is_in_it(init, tmp_path, panel):
    said = init("init", "--url", panel.url)
    assert said.code == 0
    assert mode(tmp_path / "config.toml") == mode(tmp_path / "main.key") == 0o600
    assert "put its API key into main.key" in said.out
    refused = init("config", "check")
    assert refused.code == 78
    assert "main.key is empty; write the secret into it" in refused.err
    (tmp_path / "main.key").write_text(panel.key + "\n")
    assert init("config", "check").err == ""
    assert init("api", "main", "balance").code == 0
    assert init("poll").code == 0
    assert (tmp_path / "data" / "tracker.db").exists()


def test_the_key_can_come_from_stdin_and_is_not_repeated(init, tmp_path, panel):
    said = init("init", "--name", "shop", "--url", panel.url, "--key-stdin", stdin=panel.key + "\n")
    assert "API key" not in said.out
    assert (tmp_path / "shop.key").read_text() == panel.key + "\n"
    assert init("config", "check").code == 0


def test_nothing_is_overwritten_and_then_nothing_is_written(init, tmp_path):
    (tmp_path / "main.key").write_text("precious")
    said = init("init")
    assert said.code == 1
    assert "main.key is already there" in said.err
    assert [path.name for path in tmp_path.iterdir()] == ["main.key"]
    assert (tmp_path / "main.key").read_text() == "precious"


@pytest.mark.parametrize(
    "options", [["--name", "Not A Name"], ["--url", "http://panel.example/api/v2"], ["--url", "x"]]
)
def test_what_the_configuration_would_refuse_is_refused_here(init, tmp_path, options):
    said = init("init", *options)
    assert said.code == 2
    assert options[0] in said.err
    assert list(tmp_path.iterdir()) == []


def test_without_a_configuration_every_command_says_how_to_get_one(init):
    said = init("orders", "list")
    assert said.code in (0, 78)  # /etc/tracker/config.toml may exist on this machine
    if said.code == 78:
        assert "tracker init" in said.err


def test_for_systemd_the_key_is_a_credential_and_stays_roots(init, tmp_path):
    said = init(
        "init",
        "--systemd",
        "--root",
        str(tmp_path),
        "--url",
        "https://panel.example/api/v2",
        "--key-stdin",
        stdin="k-1\n",
    )
    etc = tmp_path / "etc"
    assert said.code == 0
    assert mode(etc / "tracker" / "main.key") == 0o600
    assert mode(etc / "tracker" / "config.toml") == 0o644
    assert 'key_credential = "main.key"' in (etc / "tracker" / "config.toml").read_text()
    drop_in = (etc / "systemd/system/tracker.service.d/key-main.conf").read_text()
    assert "\nLoadCredential=main.key:/etc/tracker/main.key\n" in drop_in
    assert "systemctl enable --now tracker" in said.out


def test_its_commented_sections_are_right_when_the_comment_signs_are_taken_away(init, tmp_path, panel):
    init("init", "--url", panel.url, "--key-stdin", stdin=panel.key + "\n")
    (tmp_path / "ops.secret").write_text("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n")
    (tmp_path / "ops.secret").chmod(0o600)
    text = (tmp_path / "config.toml").read_text()
    starts = ("# [", "# below", "# runway", "# type", "# url", "# secret_file", "# command", "# events")
    lines = [line.removeprefix("# ") if line.startswith(starts) else line for line in text.splitlines()]
    (tmp_path / "config.toml").write_text("\n".join(lines))
    said = init("config", "check")
    assert "fine (1 panel, 2 hooks)" in said.out, said.err
