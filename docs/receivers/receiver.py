"""Takes the tracker's events: verifies each one, handles it once, then answers. Standard library only.

WEBHOOK_SECRETS='whsec_…' PORT=8000 SEEN=seen.db python3 receiver.py
"""

import base64
import contextlib
import hashlib
import hmac
import json
import os
import sqlite3
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# Several, separated by spaces: the old and the new one during a rotation.
SECRETS = os.environ["WEBHOOK_SECRETS"].split()
SEEN = os.environ.get("SEEN", "seen.db")
TOLERANCE_S = 300
BODY_MAX = 1_000_000


def key(secret):
    is_base64 = secret.startswith("whsec_")
    return base64.b64decode(secret.removeprefix("whsec_") + "==") if is_base64 else secret.encode()


KEYS = list(filter(None, map(key, SECRETS)))  # an empty key would be everybody's


def is_genuine(event_id, at, signatures, body):
    """Signed with one of our keys, and not long ago: what somebody recorded cannot be sent again later."""
    if not (at.isascii() and at.isdigit() and len(at) < 12) or abs(time.time() - int(at)) > TOLERANCE_S:
        return False
    signed = f"{event_id}.{at}.".encode() + body
    expected = [b"v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)) for key in KEYS]
    return any(hmac.compare_digest(given.encode(), one) for given in signatures.split() for one in expected)


def take(event_id, event):
    """Handle an event unless that was done before; the record and what `handle` writes are one transaction."""
    with contextlib.closing(sqlite3.connect(SEEN)) as db, db:
        db.execute("CREATE TABLE IF NOT EXISTS seen (id TEXT PRIMARY KEY)")
        if db.execute("INSERT OR IGNORE INTO seen VALUES (?)", (event_id,)).rowcount:
            handle(event, db)


def handle(event, db):
    """Your work goes here. If it raises, nothing is recorded, and the event is sent again."""
    print("handled", event["id"], event["type"], flush=True)


class Receiver(BaseHTTPRequestHandler):
    timeout = 10  # seconds for a silent connection

    def do_POST(self):
        try:
            code = self.receive()
        except Exception as error:
            self.log_error("failed: %r", error)
            code = 500
        self.send_response(code)
        self.end_headers()

    def receive(self):
        event_id, at, signatures = (self.headers[f"webhook-{name}"] or "" for name in ("id", "timestamp", "signature"))
        length = int(self.headers["Content-Length"])
        if length > BODY_MAX:
            return 413
        body = self.rfile.read(length)
        if not is_genuine(event_id, at, signatures, body):
            return 401
        take(event_id, json.loads(body))
        return 204


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8000"))), Receiver).serve_forever()
