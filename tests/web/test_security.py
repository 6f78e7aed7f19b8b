"""Access control over real HTTP: tokens, host names, and the security headers of a page."""

import contextlib
import socket
import stat
import threading

import pytest
import requests

from tests.system.site import wait_for
from tests.web import HOSTILE, TOKEN, Served
from tests.web.conftest import until
from tracker.config.listening import Listen
from tracker.web.security import WRONG_MAX, AccessControl

PATHS = ("/", "/orders", "/orders/main/good-1", "/services", "/panels", "/hooks", "/alerts")


def get(served, path="/", **options):
    return requests.get(served.url + path, timeout=10, allow_redirects=False, **options)


@pytest.mark.parametrize("path", [*PATHS, "/login", "/healthz", "/nope", "/static/app.css"])
def test_every_answer_forbids_what_a_page_does_not_need(served, path):
    headers = get(served(), path).headers
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert "Access-Control-Allow-Origin" not in headers
    assert "Server" not in headers


@pytest.mark.parametrize(
    ("host", "code"),
    [("127.0.0.1:1", 200), ("localhost", 200), ("[::1]:80", 200), ("tracker.lan:8787", 200), ("TRACKER.LAN", 200),
     ("evil.example", 421), ("127.0.0.1.evil.example", 421), ("localhost.evil.example", 421), ("", 421)],
)  # fmt: skip
def test_only_names_that_are_ours_are_answered_to(served, host, code):
    one = served(hosts=("tracker.lan",))
    for path in ("/", "/healthz", "/login", "/static/app.css"):
        assert get(one, path, headers={"Host": host}).status_code in {code, 303 if code == 200 else code}


def test_without_a_token_there_is_none_to_give_and_with_one_nothing_is_shown(served):
    assert get(served()).status_code == 200
    locked = served(token=TOKEN)
    for path in (*PATHS, "/metrics"):
        answer = get(locked, path)
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="tracker"')
        assert "good-1" not in answer.text
    assert get(locked, "/healthz").text == "ok\n"
    assert get(locked, "/readyz").text == "ready\n"
    assert get(locked, headers={"Accept": "text/html"}).headers["Location"] == "/login"


def test_the_token_in_a_header_opens_and_a_wrong_one_does_not(served):
    locked = served(token=TOKEN)
    for given, code in ((TOKEN, 200), (TOKEN[:-1], 401), (TOKEN + "x", 401), ("", 401), ("\xff", 401)):
        headers = {"Authorization": f"Bearer {given}".encode("latin-1")}
        assert get(locked, "/orders", headers=headers).status_code == code


def test_a_login_sets_a_cookie_that_does_not_hold_the_token_and_survives_a_restart(history, served):
    locked = served(token=TOKEN)
    answer = requests.post(locked.url + "/login", data={"token": TOKEN}, timeout=10, allow_redirects=False)
    cookie = answer.headers["Set-Cookie"]
    assert answer.status_code == 303
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert TOKEN not in cookie
    jar = {"tracker_session": answer.cookies["tracker_session"]}
    assert get(locked, cookies=jar).status_code == 200
    assert "Log out" in get(locked, cookies=jar).text
    assert get(served(token=TOKEN), cookies=jar).status_code == 200
    assert get(served(token=TOKEN + "-changed"), cookies=jar).status_code == 401, "it ends with the token"
    until_, proof = jar["tracker_session"].split(".")
    for forged in (f"{int(until_) + 1}.{proof}", f"9999999999.{proof}", f"1.{proof}", "x.y", ".", proof):
        assert get(locked, cookies={"tracker_session": forged}).status_code == 401


def test_who_guesses_has_to_wait_and_others_do_not(served):
    locked = served(token=TOKEN)
    codes = [
        requests.post(locked.url + "/login", data={"token": f"guess-{n}"}, timeout=10).status_code
        for n in range(WRONG_MAX + 2)
    ]
    assert codes == [401] * WRONG_MAX + [429, 429]
    answer = requests.post(locked.url + "/login", data={"token": TOKEN}, timeout=10)
    assert (answer.status_code, 0 < int(answer.headers["Retry-After"]) <= 60) == (429, True)
    door = AccessControl(TOKEN)
    for _ in range(WRONG_MAX):
        door.note_wrong("192.0.2.1")
    assert door.wait_s("192.0.2.1") > 0
    assert door.wait_s("192.0.2.2") == 0


@pytest.mark.parametrize("word", ["token", "key", "access_token", "api_key"])
def test_a_token_in_an_address_is_refused_even_the_right_one(served, word):
    for locked in (served(token=TOKEN), served()):
        assert get(locked, f"/orders?{word}={TOKEN}").status_code == 400


def test_a_form_from_elsewhere_is_refused(served):
    locked = served(token=TOKEN)
    foreign = {"Origin": "https://evil.example"}
    assert requests.post(locked.url + "/login", data={"token": TOKEN}, headers=foreign, timeout=10).status_code == 403
    own = {"Origin": locked.url}
    answer = requests.post(locked.url + "/login", data={"token": TOKEN}, headers=own, timeout=10, allow_redirects=False)
    assert answer.status_code == 303


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_can_be_changed(served, method):
    one = served()
    for path in PATHS:
        assert requests.request(method, one.url + path, timeout=10).status_code == 405


@pytest.mark.parametrize("path", PATHS)
def test_hostile_text_is_text(served, path):
    text = get(served(), path).text
    assert "<script>alert" not in text
    assert "onerror=alert" not in text.replace("&lt;img src=x onerror=alert(2)&gt;", "")
    assert "\u202e" not in text
    assert "\x1b" not in text
    assert 'href="javascript:' not in text


def test_only_links_of_the_web_can_be_clicked(served):
    one = served()
    good = get(one, "/orders/main/good-1").text
    assert 'href="https://pages.example/p/%22%3E?x=&lt;b&gt;" rel="noopener noreferrer nofollow"' in good
    bad = get(one, "/orders?q=bad-1").text
    assert "javascript:alert(3)" in bad
    assert 'href="javascript' not in bad


def test_what_is_searched_for_is_shown_as_text(served):
    text = get(served(), "/orders", params={"q": HOSTILE + '" autofocus onfocus="alert(4)'}).text
    assert "<script>alert" not in text
    assert 'onfocus="alert' not in text


def test_an_order_that_is_not_there_is_a_page_of_its_own(served):
    answer = get(served(), "/orders/main/nope")
    assert answer.status_code == 404
    assert "Back to the overview" in answer.text
    assert "Traceback" not in answer.text


def test_what_breaks_shows_no_traceback_and_is_logged(served):
    one = served(database=Broken())
    answer = get(one, "/orders")
    assert answer.status_code == 500
    assert "Traceback" not in answer.text
    assert "secret of the database" not in answer.text


class Broken:
    """A database that fails at every query."""

    postgres = False

    def session(self):
        return contextlib.nullcontext()

    lasting = session

    def reading(self):
        raise RuntimeError("secret of the database")

    snapshot = reading


def test_it_is_not_ready_while_the_tracker_is_not(served):
    one = served(ready=lambda: "the database takes no writes: secret words")
    assert (get(one, "/readyz").status_code, get(one, "/readyz").text) == (503, "not ready\n")
    assert get(one, "/healthz").status_code == 200


def test_a_port_that_is_taken_is_trouble_until_it_is_free(history):
    with socket.create_server(("127.0.0.1", 0)) as other:
        listen = Listen("127.0.0.1", other.getsockname()[1])
        one = Served(history, listen=listen)
        before = workers()
        with one:
            while not one.server.trouble:
                pass
            assert workers() == before, "a try that failed leaves no threads behind"
            assert one.server.trouble.startswith(f"the dashboard cannot listen on {listen}: Address already in use")


def mode_of(path):
    """Returns the mode of the socket, None while there is none: the stale one is removed before the new one is made."""
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return None


def workers():
    return {thread for thread in threading.enumerate() if thread.name.startswith("waitress")}


def test_a_socket_in_the_file_system_is_for_its_owner_and_group(history, tmp_path):
    path = tmp_path / "web.sock"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))  # a tracker that was killed left it behind
    one = Served(history, listen=Listen(path=str(path)))
    with one:
        wait_for(lambda: mode_of(path) == 0o660, 10, "the socket, open to its owner and group")
        with socket.socket(socket.AF_UNIX) as client:
            # The socket's file exists shortly before the server accepts connections.
            wait_for(lambda: client.connect_ex(str(path)) == 0, 10, "the server to accept connections")
            client.sendall(b"GET /orders HTTP/1.1\r\nHost: anything\r\nConnection: close\r\n\r\n")
            answer = b"".join(iter(lambda: client.recv(65_536), b""))
        assert answer.startswith(b"HTTP/1.1 200 OK")
    assert not path.exists()


def test_it_answers_again_after_it_was_stopped_and_started(history):
    listen = Served(history).listen
    for _ in range(2):
        with Served(history, listen=listen) as one:
            assert until(one.url).text == "ok\n"
        with pytest.raises(requests.ConnectionError):
            requests.get(f"http://{listen}/healthz", timeout=2)


def test_many_addresses_take_no_memory_and_break_nothing():
    door = AccessControl(TOKEN)
    for n in range(1_100):
        assert door.wait_s(f"10.0.{n // 250}.{n % 250}") == 0.0
    assert not door._wrong, "who guessed nothing is not remembered"
    for n in range(1_100):
        door.note_wrong(f"10.1.{n // 250}.{n % 250}")
