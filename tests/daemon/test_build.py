"""A reload builds the components anew, and reuses those whose section, and all they are made with, is unchanged."""

import dataclasses
import hashlib
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.defaults import balance_rules, panel_config, poll_rules
from tests.net.certificates import certificate
from tests.net.servers import Server, answer
from tracker.config import AppriseConfig, CommandConfig, Secret, load
from tracker.core.rules import Where
from tracker.core.status import OrderStatus
from tracker.core.wire import Meaning
from tracker.daemon.build import build
from tracker.daemon.section_digest import section_digest
from tracker.daemon.workers import Wakeups, WorkerPool

TWO_OF_EACH = """
[daemon]
data_dir = "data"
[web]
listen = "127.0.0.1:8787"
[panels.main]
url = "http://127.0.0.1:9/main"
key = "key-of-main"
[panels.spare]
url = "http://127.0.0.1:9/spare"
key = "key-of-spare"
[hooks.ops]
url = "http://127.0.0.1:9/hook-of-ops"
secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
[hooks.books]
url = "http://127.0.0.1:9/hook-of-books"
secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
[intake.shop]
command = ["/bin/true"]
[gateway.clients.shop]
key = "key-of-the-shop-0123"
panels = ["main"]
actions = ["status"]
"""


@pytest.fixture
def configured(tmp_path):
    """Loads TWO_OF_EACH; `more` goes on inside a section, `instead` replaces texts."""

    def configured(section="", more="", **instead):
        text = TWO_OF_EACH.replace(f"[{section}]\n", f"[{section}]\n{more}\n") if section else TWO_OF_EACH
        for old, new in instead.items():
            assert old in text
            text = text.replace(old, new)
        file = tmp_path / "config.toml"
        file.write_text(text)
        file.chmod(0o600)
        return load(file, {}, cwd=tmp_path)

    return configured


def parts(components):
    """Everything that can be reused, by name."""
    found = {
        name: getattr(components, name) for name in ("masker", "wakeups", "database", "store", "journal", "intake")
    }
    for name, one in components.panels.items():
        found |= {f"panel {name}": one, f"client of {name}": one.client}
    for name, one in components.hooks.items():
        found |= {f"hook {name}": one, f"channel of {name}": one.channel}
    found |= {f"intake {name}": one for name, one in components.intakes.items()}
    return found | {"gateway": components.gateway}


def new_after(before, after):
    """Names of what a reload from one configuration to another makes anew."""
    built = build(before)
    old, new = parts(built), parts(build(after, built))
    return {name for name in new if new[name] is not old.get(name)}


def test_an_unchanged_configuration_makes_nothing_anew(configured):
    assert new_after(configured(), configured()) == set()


def test_a_changed_panel_leaves_the_other_panel_and_the_hooks_alone(configured):
    # The intake knows the rules of all panels; the intake command and the gateway use it.
    expected = {"panel main", "client of main", "intake", "intake shop", "gateway"}
    assert new_after(configured(), configured("panels.main", 'poll_every = "10m"')) == expected


def test_a_changed_address_of_a_panel_is_no_matter_of_the_intake(configured):
    moved = configured(**{"9/main": "9/moved"})
    assert new_after(configured(), moved) == {"panel main", "client of main", "gateway"}


def test_another_key_is_another_panel_and_another_masker(configured):
    # Dispatchers and intake commands mask what they report; the channels stay.
    expected = {"masker", "panel main", "client of main", "hook ops", "hook books", "intake shop", "gateway"}
    assert new_after(configured(), configured(**{"key-of-main": "another-key"})) == expected


def test_a_changed_rule_of_a_hook_is_known_to_all_who_write_events_and_no_connection_is_lost(configured):
    expected = {"store", "intake", "panel main", "panel spare", "hook ops", "hook books", "intake shop", "gateway"}
    expected |= {"channel of ops"}
    assert new_after(configured(), configured("hooks.ops", 'events = ["order.failed"]')) == expected


def test_a_changed_channel_is_no_matter_of_the_panels(configured):
    expected = {"hook ops", "channel of ops"}
    assert new_after(configured(), configured("hooks.ops", "allow_private = true")) == expected


def test_a_changed_intake_command_is_new_and_nothing_else_is(configured):
    assert new_after(configured(), configured("intake.shop", 'every = "5s"')) == {"intake shop"}


def test_a_changed_gateway_is_new_and_nothing_else_is(configured):
    changed = configured(**{'actions = ["status"]': 'actions = ["status", "balance"]'})
    assert new_after(configured(), changed) == {"gateway"}
    without = TWO_OF_EACH[TWO_OF_EACH.index("[gateway") :]
    assert build(configured(**{without: ""}), build(configured())).gateway is None


def test_a_section_that_left_is_gone_and_one_that_is_new_is_there(configured):
    before = build(configured())
    after = build(configured(**{"panels.spare": "panels.third"}), before)
    assert list(after.panels) == ["main", "third"]
    assert after.panels["main"] is before.panels["main"]


def test_a_certificate_replaced_under_the_same_name_makes_a_new_client(configured, tmp_path):
    folders = [tmp_path / "one", tmp_path / "two"]
    (first, _), (second, _) = [(folder.mkdir(), certificate(folder))[1] for folder in folders]
    trusted = tmp_path / "ca.pem"
    trusted.write_bytes(Path(first).read_bytes())
    config = configured("panels.main", f'ca_file = "{trusted}"', **{"http://127.0.0.1:9/main": "https://127.0.0.1:9/"})
    before = build(config)
    assert build(config, before).panels["main"] is before.panels["main"]
    trusted.write_bytes(Path(second).read_bytes())
    assert build(config, before).panels["main"] is not before.panels["main"]


class Closing:
    """Stands where a client or a channel stands, and counts how often it is closed."""

    def __init__(self):
        self.closed = 0

    def close(self):
        self.closed += 1


def test_closing_spares_what_the_next_components_use_and_closes_everything_at_the_end(configured):
    def counting(components):
        panels = {name: dataclasses.replace(one, client=Closing()) for name, one in components.panels.items()}
        hooks = {name: dataclasses.replace(one, channel=Closing()) for name, one in components.hooks.items()}
        return dataclasses.replace(components, panels=panels, hooks=hooks)

    def closed(components):
        clients = {name: one.client.closed for name, one in components.panels.items()}
        return clients | {name: one.channel.closed for name, one in components.hooks.items()}

    before = counting(build(configured()))
    slower = build(configured("panels.main", 'poll_every = "10m"'), before)
    before.close(slower)
    assert closed(before) == {"main": 1, "spare": 0, "ops": 0, "books": 0}
    again = build(slower.config, slower)
    slower.close(again)
    assert closed(before) == {"main": 1, "spare": 0, "ops": 0, "books": 0}
    narrower = build(configured("hooks.ops", 'events = ["order.failed"]'), again)
    again.close(narrower)
    assert closed(before) == {"main": 1, "spare": 0, "ops": 1, "books": 0}
    narrower.close()
    assert closed(before) == {"main": 1, "spare": 1, "ops": 1, "books": 1}


def test_a_kept_client_goes_on_over_its_open_connection(configured):
    with Server(answer(b'{"balance": "1", "currency": "USD"}')) as server:
        config = configured("panels.main", "plain_http = true", **{"http://127.0.0.1:9/main": server.url})
        before = build(config)
        before.panels["main"].client.balance()
        after = build(config, before)
        before.close(after)
        after.panels["main"].client.balance()
        assert server.connections == 1
        after.close()


def test_no_digest_and_no_secret_is_in_a_repr(configured):
    config = configured()
    built = build(config)
    said = repr(built)
    digests = [one.digest for table in (built.panels, built.hooks, built.intakes) for one in table.values()]
    for digest in (*digests, built.gateway.digest):
        assert len(digest) == hashlib.sha256().digest_size
        assert repr(digest) not in said
        assert digest.hex() not in said
    for secret in config.secrets():
        assert secret.reveal() not in said


# --- the digest

STATUS_MAP = {"done": OrderStatus.COMPLETED, "new": OrderStatus.PENDING}
SECTION = panel_config(
    "main",
    "http://127.0.0.1:9/",
    Secret("k"),
    poll_rules(status_map=STATUS_MAP, error_map={"hesapkapali": Meaning.ACCOUNT}),
    balance_alert=balance_rules(below=Decimal("5")),
    ca_file=Path("/etc/ca.pem"),
)


def test_equal_sections_have_equal_digests_in_whatever_order_they_were_written():
    rules = replace(SECTION.rules, status_map=dict(reversed(STATUS_MAP.items())))
    again = dataclasses.replace(SECTION, rules=rules, key=Secret("k"))
    assert section_digest(again) == section_digest(SECTION)
    services = [Where(service=frozenset(names)) for names in (("1", "2", "30"), ("30", "2", "1"))]
    assert section_digest(services[0]) == section_digest(services[1])


@pytest.mark.parametrize(
    "other",
    [
        dataclasses.replace(SECTION, key=Secret("l")),
        dataclasses.replace(SECTION, proxy="http://user:password@127.0.0.1:3128"),
        dataclasses.replace(SECTION, ca_file=None),
        dataclasses.replace(SECTION, balance_alert=balance_rules(below=Decimal("6"))),
        dataclasses.replace(SECTION, rules=poll_rules(status_map={"done": OrderStatus.COMPLETED})),
        dataclasses.replace(SECTION, rules=replace(SECTION.rules, error_map={"hesapkapali": Meaning.NOT_FOUND})),
        dataclasses.replace(SECTION, rules=replace(SECTION.rules, timeout_s=31.0)),
    ],
)
def test_any_other_value_in_a_section_has_another_digest(other):
    assert section_digest(other) != section_digest(SECTION)


def test_values_that_look_alike_are_told_apart():
    values = (
        "1", 1, True, None, "", b"", b"1", Decimal("1"), Secret("1"), Path("1"), ("1",), (), frozenset({"1"}), {"1": 1},
        ("list", "1"), CommandConfig(("1",)), AppriseConfig(Secret("1"), "1", "", allow_private=False),
    )  # fmt: skip
    assert len({section_digest(value) for value in values}) == len(values)
    assert section_digest("a", "b") != section_digest("ab")


def test_what_no_section_holds_is_refused_and_not_shown():
    with pytest.raises(TypeError, match="holds a object"):
        section_digest(object())


# --- wakeups


def test_wakeups_kick_the_pools_that_are_registered_and_no_others():
    looked = []
    pools = {name: WorkerPool(name, lambda name=name: looked.append(name)) for name in ("ops", "books")}
    wakeups = Wakeups()
    wakeups.wake(["ops"])  # there is no daemon: nothing to wake
    wakeups.register(pools)
    wakeups.wake(["ops", "gone"])
    assert pools["ops"].join(10)
    wakeups.register({"books": pools["books"]})
    wakeups.wake(["ops", "books"])
    assert pools["books"].join(10)
    assert looked == ["ops", "books"]
