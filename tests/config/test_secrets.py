"""Where a secret may stand, what it must be like, and that nobody ever reads it in a message."""

import os
import subprocess

import pytest

from tests.config.conftest import MINIMAL, WHSEC
from tracker.config import Config, Secret

PANEL = '[panels.main]\nurl = "https://panel.example/api/v2"\n'
HOOK = MINIMAL + '[hooks.ops]\nurl = "https://ops.example/x"\n'
OTHER = "whsec_b3RoZXIgc2VjcmV0IG9mIHRoZSBzYW1lIGhvb2s="


@pytest.mark.parametrize(
    "line", ['key_file = "main.key"', 'key_env = "PANEL_KEY"', 'key_credential = "panel"', 'key = "panel-key-1"']
)
def test_a_key_comes_from_a_file_the_environment_systemd_or_the_configuration(folder, line):
    folder.secret("credentials/panel", "panel-key-1")
    folder.environ |= {"PANEL_KEY": "panel-key-1", "CREDENTIALS_DIRECTORY": str(folder.path / "credentials")}

    assert folder.load(PANEL + line).panels["main"].key == Secret("panel-key-1")


@pytest.mark.parametrize("content", ["panel-key-1", "panel-key-1\n", "panel-key-1\r\n", "\ufeffpanel-key-1\n\n"])
def test_what_an_editor_adds_to_a_secret_is_taken_away(folder, content):
    folder.secret("main.key", content)

    assert folder.load(MINIMAL).panels["main"].key.reveal() == "panel-key-1"


def test_a_secret_file_may_be_anywhere(folder):
    path = folder.secret("run/secrets/key", "panel-key-1")

    assert folder.load(f'{PANEL}key_file = "{path}"').panels["main"].key.reveal() == "panel-key-1"


FORMS = [
    ('key_file = "no.key"', "panels.main.key_file: DIR/no.key does not exist"),
    ('key_file = "main.key/x"', "panels.main.key_file: DIR/main.key/x does not exist"),
    ('key_file = "a\\u0000b"', 'panels.main.key_file: "DIR/a\\u0000b" cannot be read'),
    ('key_file = "."', "panels.main.key_file: DIR is not a regular file"),
    ('key_file = "empty.key"', "panels.main.key_file: DIR/empty.key is empty; write the secret into it"),
    ('key_file = "latin.key"', "panels.main.key_file: DIR/latin.key is not UTF-8 text"),
    ('key_file = "large.key"', "panels.main.key_file: DIR/large.key is too large for a secret"),
    (
        'key_file = "lines.key"',
        "panels.main.key_file: contains a control character or a second line; keep the bare secret only",
    ),
    ("key_file = 7", "panels.main.key_file: must be text in quotes, not a number"),
    ('key_file = ["main.key"]', "panels.main.key_file: must be text in quotes, not a list"),
    (
        'key_file = ""',
        'panels.main.key: missing; add key_file = "FILE" (or key_env, key_credential, key)',
    ),
    ('key = "hunter22 "', "panels.main.key: begins or ends with a space; remove it"),
    ('key_env = "UNSET"', 'panels.main.key_env: the environment variable "UNSET" is not set, or empty'),
    ('key_env = "BLANK"', 'panels.main.key_env: the environment variable "BLANK" is not set, or empty'),
    (
        'key_credential = "panel"',
        "panels.main.key_credential: $CREDENTIALS_DIRECTORY is not set; add LoadCredential= to the unit",
    ),
    (
        'key = "hunter22"\nkey_file = "main.key"',
        "panels.main.key: given 2 times, as key, key_file; keep one of them",
    ),
]


@pytest.mark.parametrize(("line", "problem"), FORMS)
def test_a_secret_that_cannot_be_had_is_a_problem_that_does_not_repeat_it(folder, line, problem):
    folder.secret("empty.key", "\r\n")
    folder.secret("latin.key", b"hunter22\xe9")
    folder.secret("large.key", "hunter22" * 10_000)
    folder.secret("lines.key", "hunter22\nhunter22\n")
    folder.environ["BLANK"] = ""

    problems = folder.problems(PANEL + line)

    assert problems == [problem]
    assert "hunter22" not in problems[0]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("missing", "DIR/credentials/missing does not exist"),
        ("../main.key", "must be the bare name of a credential, without a path"),
        ("..", "must be the bare name of a credential, without a path"),
    ],
)
def test_a_credential_is_looked_for_in_its_directory_only(folder, name, said):
    folder.environ["CREDENTIALS_DIRECTORY"] = str(folder.path / "credentials")
    folder.secret("credentials/panel", "panel-key-1")

    assert folder.problems(f'{PANEL}key_credential = "{name}"') == [f"panels.main.key_credential: {said}"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_secret_file_of_somebody_else_says_so(folder):
    folder.secret("main.key", "panel-key-1", 0o000)

    assert folder.problems(MINIMAL) == ["panels.main.key_file: DIR/main.key may not be read by this user"]


def test_a_pipe_in_the_place_of_a_secret_stops_nothing(folder):
    subprocess.run(["mkfifo", folder.path / "pipe"], check=True)

    assert folder.problems(PANEL + 'key_file = "pipe"') == ["panels.main.key_file: DIR/pipe is not a regular file"]


@pytest.mark.parametrize(
    "line",
    [
        f'secret = ["{WHSEC}", "{OTHER}"]',
        'secret_file = ["ops.secret", "other.secret"]',
        'secret_env = ["OPS", "OTHER"]',
        'secret_credential = ["ops.secret", "other.secret"]',
    ],
)
def test_two_secrets_during_a_rotation_both_sign_in_their_order(folder, line):
    folder.secret("other.secret", OTHER)
    folder.environ |= {"OPS": WHSEC, "OTHER": OTHER, "CREDENTIALS_DIRECTORY": str(folder.path)}

    assert folder.load(HOOK + line).hooks["ops"].channel.secrets == (Secret(WHSEC), Secret(OTHER))


@pytest.mark.parametrize(
    ("line", "where", "said"),
    [
        ('secret = "whsec_"', "secret", "must be valid base64 after whsec_; make one with: "),
        ('secret = "whsec_hunter22*"', "secret", "must be valid base64 after whsec_; make one with: "),
        ('secret = "whsec_hunter22x"', "secret", "must be valid base64 after whsec_; make one with: "),
        (f'secret = ["{WHSEC}", "whsec_hunter22é"]', "secret[1]", "must be valid base64 after whsec_"),
        (f'secret = ["{WHSEC}", 22]', "secret[1]", "must be text in quotes, not a number"),
        ('secret_file = ["ops.secret", "no"]', "secret_file[1]", "DIR/no does not exist"),
        ('secret_file = ["broken.secret"]', "secret_file[0]", "must be valid base64 after whsec_"),
    ],
)
def test_a_signing_secret_no_receiver_could_verify_is_a_problem(folder, line, where, said):
    folder.secret("broken.secret", "whsec_hunter22x")

    [problem] = folder.problems(HOOK + line)

    assert problem.startswith(f"hooks.ops.{where}: {said}")
    assert "hunter22" not in problem


@pytest.mark.parametrize("secret", [WHSEC, OTHER, OTHER.rstrip("="), "plain words of a receiver"])
def test_a_signing_secret_is_base64_padded_or_not_or_any_other_text(folder, secret):
    config = folder.load(f'{HOOK}secret = "{secret}"')

    assert config.hooks["ops"].channel.secrets == (Secret(secret),)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_secret_file_that_others_may_open_is_warned_about(folder, mode):
    folder.secret("main.key", "panel-key-1", mode)

    [warning] = folder.load(MINIMAL).warnings

    assert warning == (
        f"panels.main.key_file: {folder.path}/main.key can be opened by other users (mode {mode:04o}); chmod 600 it"
    )


def test_inline_secrets_are_warned_about_only_when_others_can_read_the_file(folder):
    text = (
        PANEL
        + f'key = "panel-key-1"\n[hooks.ops]\nurl = "https://ops.example/x"\nsecret = "{WHSEC}"\n'
        + '[database]\nurl = "sqlite:///x.db"'
    )

    assert folder.load(text).warnings == ()
    assert [warning.split(":")[0] for warning in folder.load(text, 0o644).warnings] == [
        "panels.main.key", "hooks.ops.url", "hooks.ops.secret",
    ]  # fmt: skip
    assert folder.load(MINIMAL, 0o644).warnings == ()


def test_a_password_in_a_database_url_is_a_secret_and_the_rest_is_none(folder):
    url = "postgresql://ann:p%40ss-word@db.example/orders"
    text = f'{MINIMAL}[database]\nurl = "{url}"'

    config = folder.load(text, 0o644)

    assert config.database_url == url
    assert {"p%40ss-word", "p@ss-word"} <= revealed(config)
    assert [warning.split(":")[0] for warning in config.warnings] == ["database.url"]
    assert folder.load(text.replace(":p%40ss-word", ""), 0o644).warnings == ()


@pytest.mark.parametrize("form", ["url_file", "url_env", "url_credential"])
def test_a_database_url_can_be_given_like_any_secret(folder, form):
    folder.secret("DB", "postgresql:///orders?password=hunter22&host=db.example\n")
    folder.environ |= {
        "DB": "postgresql:///orders?password=hunter22&host=db.example",
        "CREDENTIALS_DIRECTORY": str(folder.path),
    }

    config = folder.load(f'{MINIMAL}[database]\n{form} = "DB"')

    assert config.database_url == "postgresql:///orders?password=hunter22&host=db.example"
    assert "hunter22" in revealed(config)


def test_everything_that_must_never_be_seen_is_listed_for_masking(folder):
    config = folder.load(
        MINIMAL
        + 'proxy = "http://ann:proxy-pass@127.0.0.1:3128"\n'
        + '[hooks.ops]\nurl = "https://ops.example/services/T0/abc?x=1"\nsecret_file = "ops.secret"\n'
        + '[hooks.short]\nurl = "https://short.example/"'
    )

    assert revealed(config) == {
        "panel-key-1", "https://ops.example/services/T0/abc?x=1", WHSEC, "https://short.example/", "proxy-pass",
    }  # fmt: skip
    assert config.hooks["ops"].channel.shown_url == "https://ops.example"


def test_no_secret_shows_in_the_text_of_a_configuration(folder):
    config = folder.load(
        PANEL
        + 'key = "hunter22-key"\nproxy = "http://ann:hunter22-proxy@127.0.0.1:3128"\n'
        + '[hooks.ops]\nurl = "https://ops.example/hunter22-path"\nsecret_file = "ops.secret"\n'
        + '[database]\nurl = "postgresql://ann:hunter22-db@db.example/orders"',
        0o644,
    )

    for text in (repr(config), str(config), "".join(config.warnings)):
        assert "hunter22" not in text
        assert WHSEC not in text


def revealed(config: Config) -> set[str]:
    return {secret.reveal() for secret in config.secrets()}
