"""docs/images/dashboard.png: the overview of the dashboard, photographed in Chromium over the demo's own data.

    python docs/images/make_dashboard_picture.py

Takes three quarters of a minute. Needs Debian's chromium, and playwright (the extra `browser`).
"""

import shutil
import socket
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

from tracker import log
from tracker.config.listening import Listen
from tracker.daemon.build import shown_hook
from tracker.demo.site import DemoSite
from tracker.reports import alerts
from tracker.web import app
from tracker.web.context import WebContext
from tracker.web.server import WebServer

TARGET = Path(__file__).with_name("dashboard.png")
SECONDS = 40  # the demo's five hours, in so many
SIZE = {"width": 1200, "height": 1080}
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


def main() -> None:
    log.setup("error", "console", log.Masker([]))
    with tempfile.TemporaryDirectory() as folder, DemoSite(Path(folder), SECONDS) as site:
        begun = time.monotonic()
        # While a balance is low: what needs somebody is what the page is for.
        while not (time.monotonic() - begun > SECONDS * 0.35 and alerts.raised(site.parts.database)):
            site.do_due_steps()
            time.sleep(0.1)
            assert time.monotonic() - begun < 2 * SECONDS, "no alert was raised"
        photograph(site)
        site.stop_daemon()
    print(f"{TARGET}: {TARGET.stat().st_size // 1024} KiB")


def photograph(site: DemoSite) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        listen = Listen("127.0.0.1", probe.getsockname()[1])
    rules = {name: panel.rules for name, panel in site.config.panels.items()}
    hooks = [shown_hook(hook) for hook in site.config.hooks.values()]
    context = WebContext(site.parts.database, site.config.timezone, rules, hooks, site.parts.masker, lambda: "")
    server = WebServer(app.create(context, listen, (), None), listen)
    server.start()
    try:
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
            page = browser.new_page(viewport=SIZE, color_scheme="light")
            for _ in range(50):
                try:
                    page.goto(f"http://{listen}/")
                    break
                except Exception:  # noqa: BLE001  it does not listen yet
                    time.sleep(0.1)
            page.screenshot(path=str(TARGET))
            browser.close()
    finally:
        server.stop()


if __name__ == "__main__":
    main()
