"""Hooks to chats and phones: what they need, what their templates may name, and what nobody gets to see."""

import subprocess
import sys
import tomllib

import pytest

from tests.config.conftest import MINIMAL
from tracker.config import AppriseConfig, Secret, show, templates
from tracker.core.events import event_schema
from tracker.core.rules import Digest
from tracker.delivery.channels.apprise_child import TEXTS

URL = "tgram://123456789:invented-token-0123456789/-100200300"
HOOK = MINIMAL + f'[hooks.phone]\ntype = "apprise"\nurl = "{URL}"\n'


def test_a_hook_to_a_phone_shows_only_the_scheme_of_its_url(folder):
    config = folder.load(HOOK + 'template = "{{ panel }} {{ order.id }}"')

    phone = config.hooks["phone"]
    assert phone.type == "apprise"
    assert phone.channel == AppriseConfig(Secret(URL), "tgram://***", "{{ panel }} {{ order.id }}", False)
    assert Secret(URL) in config.secrets()
    assert tomllib.loads(show(config))["hooks"]["phone"]["url"] == "tgram://***"


def test_old_news_are_not_sent_to_a_phone_unless_asked_for(folder):
    config = folder.load(HOOK)
    assert config.hooks["phone"].rules.max_age_s == 12 * 3600
    assert tomllib.loads(show(config))["hooks"]["phone"]["max_age"] == "12h"

    assert folder.load(HOOK + 'max_age = ""').hooks["phone"].rules.max_age_s == 12 * 3600
    assert folder.load(HOOK + 'max_age = "3d"').hooks["phone"].rules.max_age_s == 3 * 86_400
    assert folder.problems(HOOK + "max_age = 0") == [
        'hooks.phone.max_age: must be a duration in quotes, such as "90s", or "", not a number'
    ]


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ order.statu }}", 'line 1: no event of this hook has "order.statu" (did you mean "status"?)'),
        ("{{ oder.id }}", 'line 1: no event of this hook has "oder" (did you mean "order"?)'),
        ("{{ data.order.id }}", 'line 1: no event of this hook has "data"'),
        ("x\n{% if false %}{{ order['nope'] }}{% endif %}", 'line 2: no event of this hook has "order.nope"'),
        ("{{ order.id | uper }}", 'line 1: unknown filter "uper" (did you mean "upper"?)'),
        ("{% if order.id is numbr %}{% endif %}", 'line 1: unknown test "numbr" (did you mean "number"?)'),
        ("{% include 'a' %}", "line 1: a template cannot use include, import or extends"),
        ("{{ order.id ", "line 1: unexpected end of template, expected 'end of print statement'."),
    ],
)
def test_a_template_is_checked_against_every_event_that_its_hook_hears(folder, template, expected):
    (problem,) = folder.problems(HOOK + f"template = '''{template}'''")

    assert problem == f"hooks.phone.template: {expected}"


def test_a_name_is_known_only_where_an_event_of_the_hook_has_it(folder):
    template = 'template = "{{ balance.amount }}"\n'
    folder.load(HOOK + template + 'events = ["balance.*", "order.*"]')

    assert folder.problems(HOOK + template + 'events = ["order.*"]') == [
        'hooks.phone.template: line 1: no event of this hook has "balance"'
    ]


def test_what_templates_can_do_is_not_held_against_them(folder):
    folder.load(
        HOOK
        + "template = '''{% set n = order.id %}{% for tag in order.tags %}{{ loop.index }}{{ tag.upper() }}{% endfor %}"
        "{% for k, v in order.items() %}{{ k }}={{ v }}{% endfor %}{{ n }}"
        "{{ refund.expected or '' }}{{ range(3) | list }}'''"
    )


@pytest.mark.parametrize(("family", "text"), TEXTS.items())
def test_the_texts_that_hold_without_a_template_pass_the_check_themselves(family, text):
    assert templates.problems(text, [f"{family}.*"]) == []


def test_every_family_of_events_has_a_text():
    assert {type_.partition(".")[0] for type_ in event_schema.TYPES} == TEXTS.keys()


@pytest.mark.parametrize("url", ["phone", "tgram:token", "://x", "tgram://a b"])
def test_what_cannot_be_an_address_is_told_without_being_repeated(folder, url):
    (problem,) = folder.problems(HOOK.replace(URL, url))

    assert problem == "hooks.phone.url: must be an address that apprise knows, such as tgram://TOKEN/CHAT, on one line"


def test_a_missing_url_and_keys_of_other_types_are_told(folder):
    assert folder.problems(MINIMAL + '[hooks.phone]\ntype = "apprise"\nsecret = "whsec_aW52ZW50ZWQ="') == [
        "hooks.phone.secret: an apprise hook has no such key; remove it, or change the type",
        'hooks.phone.url: missing; add url_file = "FILE" (or url, url_env, url_credential)',
    ]


def test_a_digest_has_its_wait_and_its_most(folder):
    assert folder.load(HOOK).hooks["phone"].rules.digest is None
    assert folder.load(HOOK + "digest = {}").hooks["phone"].rules.digest == Digest(30.0, 50)
    rules = folder.load(HOOK + 'digest = { wait = "2m", max = 7 }').hooks["phone"].rules
    assert rules.digest == Digest(120.0, 7)


def test_a_digest_is_for_chats_and_phones_only(folder):
    hook = MINIMAL + '[hooks.ops]\nurl = "https://ops.example/h"\ndigest = {}'
    assert folder.problems(hook) == ["hooks.ops.digest: a webhook hook has no such key; remove it, or change the type"]


def test_a_missing_package_is_told_with_what_to_install(folder):
    folder.file("config.toml", HOOK + 'template = "{{ panel }}"')
    script = (
        "import sys; sys.modules['apprise'] = None; sys.modules['jinja2'] = None\n"  # import fails, as if absent
        "from pathlib import Path; from tracker.config import load; from tracker.errors import UserError\n"
        "try: load(Path('config.toml'), {'HOME': '.'}, cwd=Path.cwd())\n"
        "except UserError as error: print(error.exit_code, *error.problems)"
    )
    run = subprocess.run([sys.executable, "-c", script], cwd=folder.path, capture_output=True, text=True, timeout=30)

    assert run.stderr == ""
    assert run.stdout == (
        "78 hooks.phone.type: needs apprise and jinja2; install them: pip install 'tracker[notify]'\n"
    )


def test_reading_the_configuration_never_imports_apprise(folder):
    folder.file("config.toml", HOOK + 'template = "{{ panel }}"')
    script = (
        "import sys; from pathlib import Path; from tracker.config import load\n"
        "load(Path('config.toml'), {'HOME': '.'}, cwd=Path.cwd())\n"
        "print([name for name in ('apprise', 'requests') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", script], cwd=folder.path, capture_output=True, text=True, timeout=30)

    assert (run.stdout, run.stderr) == ("[]\n", "")
