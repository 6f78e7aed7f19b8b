"""Which addresses are accepted for panels, hooks and the database, and that no message repeats one."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from tests.config.conftest import MINIMAL

URLS = [
    ("http://panel.example/api", "must be https; or set plain_http = true in this section"),
    ("http://128.0.0.1/", "must be https"),
    ("http://127.1/", "must be https"),
    ("http://localhost.example/", "must be https"),
    ("ftp://panel.example/", "must begin with https://"),
    ("panel.example/api/v2", "must begin with https://"),
    ("https://", "must name a host"),
    ("https:///api/v2", "must name a host"),
    ("https://panel.example:99999/", "malformed"),
    ("https://panel.example:port/", "malformed"),
    ("https://[::1/", "malformed"),
    ("https://ann:hunter22@panel.example/", "must not contain a user name or password"),
    ("https://@panel.example/", "must not contain a user name or password"),
    ("https://panel.example/#top", 'must not contain a "#"'),
    ("https://panel.example/a b", "must not contain spaces"),
    ("https://panel.example\\\\@evil.example/", "must not contain spaces, backslashes"),
]


@pytest.mark.parametrize(("url", "said"), URLS)
def test_an_address_that_would_leak_or_mislead_is_refused_for_panels_and_hooks(folder, url, said):
    hook, panel = f'[hooks.a]\nurl = "{url}"', MINIMAL.replace("https://panel.example/api/v2", url)

    [of_hook] = folder.problems(MINIMAL + hook)
    [of_panel] = folder.problems(panel)

    assert of_hook.startswith("hooks.a.url: ")
    assert of_panel.startswith("panels.main.url: ")
    for problem in (of_hook, of_panel):
        assert said in problem
        assert "hunter22" not in problem


@pytest.mark.parametrize(
    "url", ["http://localhost:80/x", "http://127.9.9.9/x", "http://[::1]:8080/x", "HTTPS://Panel.Example/x"]
)
def test_this_machine_may_be_called_in_the_clear(folder, url):
    config = folder.load(MINIMAL.replace("https://panel.example/api/v2", url) + f'[hooks.a]\nurl = "{url}"')

    assert config.panels["main"].url == url
    assert config.hooks["a"].channel.url.reveal() == url


def test_plain_http_is_consent_for_its_own_section_only(folder):
    text = MINIMAL.replace("https:", "http:") + 'plain_http = true\n[hooks.a]\nurl = "http://ops.example/x"\n'

    assert [problem.split(":")[0] for problem in folder.problems(text)] == ["hooks.a.url"]
    assert folder.load(text + "plain_http = true").panels["main"].plain_http


DATABASES = [
    ("sqlite://tracker.db", "must be like"),
    ("mysql://h/x", "must be like"),
    ("sqlite:///", "must name a file"),
    ("sqlite:///:memory:", "must name a file"),
    ("sqlite:///data/", "must name a file"),
    ("sqlite:///x%00.db", "must not contain a NUL"),
    ("sqlite:///x.db?mode=ro", "takes no options"),
    ("postgresql://ann:hunter22@h/", "must end with the name of a database"),
    ("postgresql://ann:hunter22@h", "must end with the name of a database"),
    ("postgresql://ann:hunt#er22@h/x", "write @ : / ? # in the password as"),
    ("postgresql://ann:hunt/er22@h/x", "write @ : / ? # in the password as"),
    ("postgresql://[ann:hunter22@h/x", "malformed"),
]


@pytest.mark.parametrize(("url", "said"), DATABASES)
def test_a_database_that_keeps_nothing_or_cannot_be_read_is_refused(folder, url, said):
    [problem] = folder.problems(f'{MINIMAL}[database]\nurl = "{url}"')

    assert problem.startswith("database.url: ")
    assert said in problem
    assert "er22" not in problem


def test_postgres_without_its_driver_names_the_command_that_installs_it(folder, tmp_path):
    """A Python that has msgspec and nothing else: what a plain installation without extras looks like."""
    config = folder.file("config.toml", MINIMAL + '[database]\nurl = "postgresql://ann@h/x"')
    bare = tmp_path / "site"
    bare.mkdir()
    (bare / "msgspec").symlink_to(Path(msgspec.__file__).parent)
    root = Path(__file__).parents[2]
    script = (
        "import sys, pathlib; from tracker.config import load\n"
        "load(pathlib.Path(sys.argv[1]), {'HOME': '/'}, cwd=pathlib.Path('/'))"
    )

    said = subprocess.run(
        [sys.executable, "-S", "-c", script, str(config)],
        env={"PYTHONPATH": f"{bare}:{root}"}, capture_output=True, text=True, check=False,
    ).stderr  # fmt: skip

    assert "database.url: PostgreSQL needs psycopg: pip install 'tracker[postgres]'" in said
