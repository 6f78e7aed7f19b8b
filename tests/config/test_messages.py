"""How a refusal reads as a whole: its title, its lines, and a file that is no TOML at all."""

import os

import pytest

from tests.config.conftest import MINIMAL
from tracker.config import load
from tracker.errors import UserError


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[panels.main]\nurl = https://x", "is not TOML: Invalid value (at line 2, column 7)"),
        ("a = 1\na = 2", "is not TOML: Cannot overwrite a value (at line 2, the end of the file)"),
        (
            "[panels.a]\n[panels.a]",
            "is not TOML: Cannot declare ('panels', 'a') twice (at line 2, column 10)",
        ),
        (b"a = 1\nb = '\xff'", "line 2: is not UTF-8 text; save the file as UTF-8"),
        ("a = " + "[" * 5_000, "is not TOML: "),
        ("a = " + "9" * 5_000, "is not TOML: "),
    ],
)
def test_a_file_that_is_no_toml_names_line_and_column(folder, text, said):
    [problem] = folder.problems(text)

    assert problem.startswith(said)


def test_the_message_reads_like_the_style_guide_says(folder):
    path = folder.file(
        "config.toml",
        MINIMAL + '[hooks.ops]\nurl = "https://ops.example/x"\ntimout = "1s"\nevents = ["order.complete"]',
    )

    with pytest.raises(UserError) as refused:
        load(path, folder.environ, cwd=folder.path)

    assert str(refused.value) == (
        "config.toml: 2 problems\n"
        '  hooks.ops.events[0]: unknown event "order.complete" (did you mean "order.completed"?)\n'
        '  hooks.ops.timout: unknown key (did you mean "timeout"?)'
    )


def test_one_problem_is_one_problem_and_a_file_elsewhere_shows_its_path(folder, tmp_path):
    path = folder.file("etc/config.toml", "x = 1")

    with pytest.raises(UserError) as refused:
        load(path, folder.environ, cwd=tmp_path / "home")

    assert refused.value.title == f"{path}: 2 problems"
    folder.file("config.toml", MINIMAL + "x = 1")
    with pytest.raises(UserError, match=r"^config\.toml: 1 problem\n"):
        load(None, folder.environ, cwd=folder.path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_says_so(folder):
    folder.file("config.toml", MINIMAL, 0o000)

    with pytest.raises(UserError, match="Permission denied"):
        load(folder.path / "config.toml", folder.environ, cwd=folder.path)
