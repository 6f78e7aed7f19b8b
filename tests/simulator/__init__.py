"""Helpers: a bare client of the panel API, and a scenario small enough to know by heart."""

import http.client
import json
import socket
from urllib.parse import urlencode

from tracker.simulator import OrderLife, RefillLife, Scenario, SimulatedService

PLAIN = SimulatedService("1", "Newsletter inserts", rate="0.90", min=50, max=10_000)
LETTERS = SimulatedService("2", "Reader letters", type="Custom Comments", rate="8", min=2, max=5, refill=False)
ENDORSED = SimulatedService("3", "Letter endorsements", type="Comment Likes", min=10, max=1000, gives_back="nothing")
TIMED = SimulatedService(
    "4", "Flyer rounds", min=1, cancel=False, life=((0, "Pending", 1.0), (5, "In progress", 1.0), (9, "Completed", 0))
)

# Ten minutes of waiting, ten of steady delivery, then the end.
LIFE = ((0.0, "Pending", 1000), (10.0, "In progress", 1000), (20.0, "In progress", 0), (21.0, "Completed", 0))


def order(order_id, **changes):
    values = {"service": "1", "quantity": 1000, "charge": "0.90000", "placed_at": 0.0, "timeline": LIFE}
    return OrderLife(order_id, **values | {"start_count": 3572} | changes)


def small_world():
    """Three orders with different ends, a drip-feed, a subscription, and a refill."""
    return Scenario(
        services=(PLAIN, LETTERS, ENDORSED, TIMED),
        orders=(
            order("1"),
            order("2", timeline=(*LIFE[:2], (15.0, "Partial", 157))),
            order("3", timeline=((0.0, "Completed", 0),)),
            order("10", placed_at=30.0, timeline=((30.0, "Pending", 1000),)),
            order("20", kind="drip_feed", timeline=((0.0, "In progress", 0),), children=((0.0, "1"), (30.0, "10"))),
            order("30", kind="subscription", timeline=((0.0, "Active", 0),), children=((0.0, "3"),)),
        ),
        refills=(RefillLife("1", "3", ((0.0, "Pending"), (10.0, "Completed"))),),
    )


def ask(panel, style="form", **params):
    """(HTTP status, document) of one call with the right key, unless told otherwise."""
    status, body = fetch(panel, style=style, **params)
    return status, json.loads(body)


def answer(panel, **params):
    return ask(panel, **params)[1]


def fetch(panel, style="form", path="/api/v2", **params):
    params = {"key": panel.key, **params}
    connection = http.client.HTTPConnection("127.0.0.1", panel.port, timeout=10)
    try:
        if style == "get":
            connection.request("GET", f"{path}?{urlencode(params)}")
        elif style == "json":
            connection.request("POST", path, json.dumps(params), {"Content-Type": "application/json"})
        else:
            kind = {"Content-Type": "application/x-www-form-urlencoded"}
            connection.request("POST", path, urlencode(params), kind)
        response = connection.getresponse()
        while 100 <= response.status < 200:  # http.client skips only 100
            response.headers = None
            response.begin()
        return response.status, response.read()
    finally:
        connection.close()


def dial(port, body=b"key=demo-key&action=balance", path="/api/v2"):
    """An open socket on which one form request has just been sent."""
    sock = socket.create_connection(("127.0.0.1", port), timeout=10)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
    sock.sendall(f"{head}Content-Type: application/x-www-form-urlencoded\r\n\r\n".encode() + body)
    return sock


def read_all(sock):
    """Every byte until the other side closes."""
    data = b""
    while part := sock.recv(65_536):
        data += part
    return data
