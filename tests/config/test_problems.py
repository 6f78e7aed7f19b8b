"""What a bad file leads to: every problem at once, each with its place and its remedy."""

import pytest

from tests.config.conftest import MINIMAL
from tracker.config import show
from tracker.config.listening import Listen

HOOK = MINIMAL + '[hooks.ops]\nurl = "https://ops.example/x"\n'
ALERT = MINIMAL + "[panels.main.balance_alert]\n"
LATER = "not built yet in this version; remove it"
NAME_RULE = "a name has 1 to 40 of a-z, 0-9, _ and -, and begins with a letter or a digit; choose another one"
STATUSES = (
    '"pending", "processing", "in_progress", "refilling", "paused", "completed", "partial", "canceled", '
    '"refunded", "failed", "expired"'
)

# text, and what is said about it
CASES = {
    "nothing at all": (
        "",
        ["panels: there is none; add [panels.main] with url and key_file (`tracker init` writes one)"],
    ),
    "an empty panel": (
        "[panels.main]",
        [
            'panels.main.url: missing; add the address of its API, such as "https://panel.example/api/v2"',
            'panels.main.key: missing; add key_file = "FILE" (or key_env, key_credential, key)',
        ],
    ),
    "an unknown section": (MINIMAL + "[hook.ops]", ['hook: unknown section (did you mean "hooks"?)']),
    "unknown keys": (
        MINIMAL + 'poll_evry = "5m"\nzzz = 1\n[retention.backups]\nkep = 3',
        [
            'panels.main.poll_evry: unknown key (did you mean "poll_every"?)',
            "panels.main.zzz: unknown key; remove it",
            'retention.backups.kep: unknown key (did you mean "keep"?)',
        ],
    ),
    "a form of a secret misspelt": (
        MINIMAL.replace("key_file", "keyfile"),
        [
            'panels.main.key: missing; add key_file = "FILE" (or key_env, key_credential, key)',
            'panels.main.keyfile: unknown key (did you mean "key_file"?)',
        ],
    ),
    "sections that are none": (
        'log = "debug"\nhooks = ["ops"]\n[panels]\nurl = "https://panel.example/"',
        [
            "log: must be a table, not text",
            "panels.url: must be a section, [panels.NAME], not text",
            "hooks: must be sections like [hooks.NAME], not a list",
            "panels: there is none; add [panels.main] with url and key_file (`tracker init` writes one)",
        ],
    ),
    "names": (
        MINIMAL.replace("main]", '"Main Panel"]') + '[hooks.-x]\nurl = "https://ops.example/x"',
        [f'panels."Main Panel": {NAME_RULE}', f"hooks.-x: {NAME_RULE}"],
    ),
    "a name that moves the cursor": (
        MINIMAL.replace("main]", '"a\\u001b[2J"]'),
        [f'panels."a\\u001B[2J": {NAME_RULE}'],
    ),
    "a name of 41": (MINIMAL.replace("main]", "a" * 41 + "]"), [f"panels.{'a' * 41}: {NAME_RULE}"]),
    "durations": (
        MINIMAL
        + 'timeout = 30\npoll_every = "0s"\nbalance_every = "5 minutes"\nservices_every = "-1h"\n'
        + 'down_after = "99999999d"\n[retention]\nattempts = "for ever"',
        [
            'panels.main.timeout: must be a duration in quotes, such as "90s", not a number',
            'panels.main.poll_every: must be from "1s" to "36500d", not "0s"',
            'panels.main.balance_every: "5 minutes" is not a duration; write "90s", "15m", "12h" or "7d"',
            'panels.main.services_every: "-1h" is not a duration; write "90s", "15m", "12h" or "7d"',
            'panels.main.down_after: must be from "0s" to "36500d", not "99999999d"',
            'retention.attempts: "for ever" is not a duration; write "90s", "15m", "12h" or "7d", or "forever"',
        ],
    ),
    "money as a float, as a number, as a word": (
        ALERT + 'below = 20.0\nclear_above = 25\n[panels.main.not_found]\npolls = "5"',
        [
            "panels.main.not_found.polls: must be a whole number without quotes, not text",
            'panels.main.balance_alert.below: money is written in quotes, such as "20.00", '
            "not as a number with a point",
            'panels.main.balance_alert.clear_above: money is written in quotes, such as "20.00", not as a number',
        ],
    ),
    "money that is none": (
        ALERT + 'below = "NaN"\nclear_above = "1e3"',
        [
            'panels.main.balance_alert.below: "NaN" is not an amount of money; write it like "20.00"',
            'panels.main.balance_alert.clear_above: "1e3" is not an amount of money; write it like "20.00"',
        ],
    ),
    "an alert that clears below where it is raised": (
        ALERT + 'below = "20"\nclear_above = "19.99"',
        [
            "panels.main.balance_alert.clear_above: must not be less than below (20): "
            "the alert would be cleared when it is raised"
        ],
    ),
    "an alert that never fires": (
        ALERT + 'for = "1m"',
        ['panels.main.balance_alert: would never fire; add below = "20.00" or runway_below = "12h"'],
    ),
    "clear_above without below": (
        ALERT + 'clear_above = "5"\nrunway_below = "12h"',
        ["panels.main.balance_alert.clear_above: has no effect without below; add below"],
    ),
    "numbers out of bounds and of other kinds": (
        MINIMAL + "batch_size = 101\nmax_concurrency = 0\nmax_requests_per_minute = true\nplain_http = 1",
        [
            "panels.main.max_requests_per_minute: must be a whole number without quotes, not true or false",
            "panels.main.max_concurrency: must be from 1 to 16",
            "panels.main.batch_size: must be from 1 to 100",
            "panels.main.plain_http: must be true or false, not a number",
        ],
    ),
    "words that are not among the known": (
        MINIMAL + 'request = "jsn"\n[log]\nlevel = "loud"\nformat = 2026-11-23',
        [
            'log.level: "loud" is not one of "debug", "info", "warning", "error"',
            "log.format: must be text in quotes, not a date or time",
            'panels.main.request: "jsn" is not one of "form", "json", "get" (did you mean "json"?)',
        ],
    ),
    "a status map with holes": (
        MINIMAL
        + 'status_map = { "A b" = "pendin", "c" = "unknown", "d-d" = "paused", "D D" = "failed", " - " = "paused" }',
        [
            f'panels.main.status_map."A b": "pendin" is not one of {STATUSES} (did you mean "pending"?)',
            f'panels.main.status_map.c: "unknown" is not one of {STATUSES}',
            'panels.main.status_map."D D": another spelling of this word has a different meaning; keep one',
            'panels.main.status_map." - ": contains only spaces, dashes and underscores; remove it',
        ],
    ),
    "an error map with holes": (
        MINIMAL + 'error_map = { "A b" = "acount", "d-d" = "passing", "D D" = "account", " - " = "account", "x" = 5 }',
        [
            'panels.main.error_map."A b": "acount" is not one of "not_found", "account", "passing"'
            ' (did you mean "account"?)',
            'panels.main.error_map."D D": another spelling of this word has a different meaning; keep one',
            'panels.main.error_map." - ": contains only spaces, dashes and underscores; remove it',
            "panels.main.error_map.x: must be text in quotes, not a number",
        ],
    ),
    "an error map that is none": (
        MINIMAL + 'error_map = "account"',
        ['panels.main.error_map: must be a table, such as { "Account closed" = "account" }, not text'],
    ),
    "headers that cannot be sent": (
        HOOK
        + "headers = { Host = 'x', webhook-id = 'x', 'a b' = 'x', Good = 'a\\nb', X-A = 'x', x-a = 'y', Y = 5,"
        + " Z = 'x', Z_env = 'NONE', W_file = 'none.txt' }",
        [
            "hooks.ops.headers.Host: is a header that tracker sets itself; remove it",
            "hooks.ops.headers.webhook-id: is a header that tracker sets itself; remove it",
            'hooks.ops.headers."a b": is not the name of a header; write one like Authorization',
            "hooks.ops.headers.x-a: given twice: capitals make no difference; keep one of them",
            "hooks.ops.headers.Y: must be text in quotes, not a number",
            "hooks.ops.headers.Z: given 2 times, as Z, Z_env; keep one of them",
            "hooks.ops.headers.W_file: DIR/none.txt does not exist",
        ],
    ),
    "headers that are none": (
        HOOK + 'headers = "Authorization: x"',
        ['hooks.ops.headers: must be a table, such as { Authorization_file = "FILE" }, not text'],
    ),
    "events nobody knows": (
        HOOK + 'events = ["order.complete", "ordr.*", "order.?", "order.[c]*", "weather", 7]',
        [
            'hooks.ops.events[0]: unknown event "order.complete" (did you mean "order.completed"?)',
            'hooks.ops.events[1]: "ordr.*" matches no event (did you mean "order.*"?)',
            'hooks.ops.events[2]: unknown event "order.?" (did you mean "order.*"?)',
            'hooks.ops.events[3]: "order.[c]*" matches no event (did you mean "order.*"?)',
            'hooks.ops.events[4]: unknown event "weather"',
            "hooks.ops.events[5]: must be text in quotes, not a number",
        ],
    ),
    "lists that are empty or none": (
        HOOK + 'events = []\npanels = "main"\nretry_schedule = []',
        [
            'hooks.ops.events: must have at least 1 entry, such as ["order.*"]',
            'hooks.ops.panels: must be a list, such as ["main"], not text',
            'hooks.ops.retry_schedule: must have at least 1 entry, such as ["0s", "30s", "5m"]',
        ],
    ),
    "a panel that is not there": (
        HOOK + 'panels = ["main", "mian"]',
        ['hooks.ops.panels[1]: there is no panel "mian" (did you mean "main"?)'],
    ),
    "conditions": (
        HOOK + 'where = { service = [12], min_charge = "-1", tags = ["vip"] }',
        [
            "hooks.ops.where.service[0]: must be text in quotes, not a number",
            'hooks.ops.where.min_charge: must be at least "0", not "-1"',
            'hooks.ops.where.tags: unknown key (did you mean "tag"?)',
        ],
    ),
    "a hook without a way out": (
        MINIMAL + '[hooks.a]\n[hooks.b]\ntype = "command"',
        [
            'hooks.a.url: missing; add url_file = "FILE" (or url, url_env, url_credential)',
            'hooks.b.command: missing; add command = ["/usr/local/bin/on-order"]',
        ],
    ),
    "a hook with the way out of another type": (
        HOOK
        + 'command = ["x"]\n[hooks.b]\ntype = "command"\ncommand = ["x"]\nurl = "https://x.example"\n'
        + 'secret_file = "ops.secret"\nplain_http = true\nallow_private = true',
        [
            "hooks.ops.command: a webhook hook has no such key; remove it, or change the type",
            "hooks.b.url: a command hook has no such key; remove it, or change the type",
            "hooks.b.secret: a command hook has no such key; remove it, or change the type",
            "hooks.b.plain_http: a command hook has no such key; remove it, or change the type",
            "hooks.b.allow_private: a command hook has no such key; remove it, or change the type",
        ],
    ),
    "commands that are no argv": (
        MINIMAL
        + '[hooks.a]\ntype = "command"\ncommand = "rm -rf x"\n[hooks.b]\ntype = "command"\ncommand = ["", "a\\nb"]',
        [
            'hooks.a.command: must be a list, such as ["/usr/local/bin/on-order"], not text',
            "hooks.b.command[0]: must not be empty",
            "hooks.b.command[1]: contains a control character or a line break",
        ],
    ),
    "a user agent that forges a header": (
        MINIMAL + 'user_agent = "a\\r\\nX-Evil: 1"',
        ["panels.main.user_agent: contains a control character or a line break"],
    ),
    "a time zone": (
        MINIMAL + '[daemon]\ntimezone = "Europe/Lisboa"',
        [
            'daemon.timezone: unknown time zone "Europe/Lisboa" (did you mean "Europe/Lisbon"?); '
            'write it like "Europe/Lisbon"'
        ],
    ),
    "a time zone that is a folder": (
        MINIMAL + '[daemon]\ntimezone = "../../etc"',
        ['daemon.timezone: unknown time zone "../../etc"; write it like "Europe/Lisbon"'],
    ),
    "a certificate file that is not there": (
        MINIMAL + 'ca_file = "ca.pem"',
        ["panels.main.ca_file: DIR/ca.pem does not exist, or cannot be reached"],
    ),
    "keys that are still to come": (
        HOOK
        + '[heartbeat]\nping_url = "https://ping.example/secret"\n'
        + '[retention]\nbackups = { every = "1h", keep = 4, dir = "b" }\n[panels.main.balance_alert]\nbelow = "1"',
        [
            f'heartbeat.ping_url: {LATER} or leave it at ""',
            f'retention.backups.every: {LATER} or leave it at "24h"',
            f"retention.backups.keep: {LATER} or leave it at 3",
            f'retention.backups.dir: {LATER} or leave it at ""',
        ],
    ),
    "an intake": (
        MINIMAL + '[intake.A]\nevery = "0s"\n[intake.b]\ncommand = []\ntimeout = "2h"\n[intake.c]\ncommand = "x"',
        [
            "intake.A: a name has 1 to 40 of a-z, 0-9, _ and -, and begins with a letter or a digit; "
            "choose another one",
            'intake.A.command: missing; add command = ["/usr/local/bin/new-orders"]',
            'intake.A.every: must be from "1s" to "36500d", not "0s"',
            'intake.b.command: must have at least 1 entry, such as ["/usr/local/bin/new-orders"]',
            'intake.b.timeout: must be from "1s" to "1h", not "2h"',
            'intake.c.command: must be a list, such as ["/usr/local/bin/new-orders"], not text',
        ],
    ),
    "a dashboard that anybody could read": (
        MINIMAL + '[web]\nlisten = "0.0.0.0:80"',
        [
            "web.listen: 0.0.0.0:80 can be reached from other machines: "
            "add read_token_file, or listen on 127.0.0.1 or a unix socket"
        ],
    ),
    "a dashboard that listens nowhere": (
        MINIMAL + '[web]\nlisten = "localhost"\nread_token = "short"\nwrite_token = "0123456789abcde"',
        [
            "web.read_token: must have 16 characters or more; make one: openssl rand -hex 24",
            "web.write_token: must have 16 characters or more; make one: openssl rand -hex 24",
            'web.listen: must be like "127.0.0.1:8787", "[::1]:8787", "unix:/run/tracker/web.sock", or ""',
        ],
    ),
    "wrong types of what is still to come": (
        HOOK + 'max_per_minute = "many"\n[gateway.clients.shop]\nactions = ["ad"]',
        [
            "hooks.ops.max_per_minute: must be a whole number without quotes, not text",
            'gateway.clients.shop.key: missing; add key_file = "FILE" (or key_env, key_credential, key)',
            "gateway.clients.shop.panels: missing; name the panels it may reach",
            'gateway.clients.shop.actions[0]: "ad" is not one of "status", "refill_status", "balance", '
            '"services", "add", "refill", "cancel" (did you mean "add"?)',
        ],
    ),
    "clients that could spend without a limit, with a key that is another's, of panels that are not there": (
        MINIMAL
        + '[web]\nlisten = ""\n[gateway.clients.shop]\nkey_file = "main.key"\npanels = ["mian"]\nactions = ["add"]\n'
        + '[gateway.clients.bot]\nkey = "sixteen-and-more-1"\npanels = ["main"]\n'
        + '[gateway.clients.twin]\nkey = "sixteen-and-more-1"\npanels = ["main"]\n'
        + '[gateway.clients.weak]\nkey = "short"\npanels = ["main"]\n',
        [
            "gateway.clients.shop.key_file: must have 16 characters or more; make one: openssl rand -hex 24",
            "gateway.clients.weak.key: must have 16 characters or more; make one: openssl rand -hex 24",
            "web.listen: the gateway of shop, bot, twin, weak needs an address, such as 127.0.0.1:8787",
            "gateway.clients.shop.key: is also the key of panel main; make another: openssl rand -hex 24",
            'gateway.clients.shop.max_spend_per_day: missing; the action "add" needs a limit, such as "50.00"',
            'gateway.clients.shop.panels[0]: there is no panel "mian" (did you mean "main"?)',
            "gateway.clients.twin.key: is also the key of client bot; make another: openssl rand -hex 24",
        ],
    ),
}


@pytest.mark.parametrize(("text", "expected"), CASES.values(), ids=CASES.keys())
def test_every_problem_is_told_at_once_with_its_place_and_remedy(folder, text, expected):
    assert folder.problems(text) == expected


def test_what_is_still_to_come_may_be_written_out_with_its_default_in_any_spelling(folder):
    config = folder.load(
        HOOK
        + 'max_per_minute = 600\nmax_age = ""\ntemplate = ""\n'
        + '[web]\nlisten = ""\nread_token_file = ""\n[intake]\n'
        + '[heartbeat]\nping_url = ""\n[retention.backups]\nevery = "1d"'
    )

    assert config.web.listen is None
    assert config.hooks["ops"].rules.max_per_minute == 600


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:8787", Listen("127.0.0.1", 8787)),
        ("[::1]:80", Listen("::1", 80)),
        ("localhost:1", Listen("localhost", 1)),
        ("unix:web.sock", Listen(path="DIR/web.sock")),
        ("", None),
    ],
)
def test_the_dashboard_listens_where_it_is_told_to(folder, text, expected):
    listen = folder.load(MINIMAL + f'[web]\nlisten = "{text}"').web.listen
    if expected and expected.path:
        expected = Listen(path=expected.path.replace("DIR", str(folder.path)))
    assert listen == expected


def test_a_dashboard_elsewhere_needs_a_token_and_has_it_masked(folder):
    folder.secret("write.token", "fedcba9876543210\n")
    tokens = 'read_token = "0123456789abcdef"\nwrite_token_file = "write.token"'
    config = folder.load(MINIMAL + f'[web]\nlisten = "0.0.0.0:8787"\n{tokens}')
    assert {config.web.read_token, config.web.write_token} <= set(config.secrets())
    assert config.web.write_token.reveal() == "fedcba9876543210"
    assert "0123456789abcdef" not in show(config)
    assert "fedcba9876543210" not in show(config)
