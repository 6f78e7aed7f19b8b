"""A panel that answers what a test says, over real HTTP on loopback."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl


class ScriptedPanel:
    """Answers each call with `answer(fields)`: a document, or a status code and the bytes of the body.

    asked: the fields of every call, without the key.
    """

    def __init__(self, answer) -> None:
        self.answer = answer
        self.asked = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                given = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
                fields = {name: value for name, value in given.items() if name != "key"}
                outer.asked.append(fields)
                said = outer.answer(fields)
                code, body = said if isinstance(said, tuple) else (200, json.dumps(said).encode())
                self.send_response(code)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@contextmanager
def scripted(answer):
    panel = ScriptedPanel(answer)
    try:
        yield panel
    finally:
        panel.server.shutdown()
        panel.server.server_close()


def ids_of(fields):
    """The ids of a status call, and whether they came as a list."""
    many = "orders" in fields
    return fields["orders" if many else "order"].split(","), many
