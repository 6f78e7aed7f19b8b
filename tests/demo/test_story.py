"""The script of the demo keeps its own rules."""

from tracker.config import load
from tracker.demo import story
from tracker.demo.daemon_process import environment

SECRET = "whsec_aW52ZW50ZWQgZm9yIGEgdGVzdCE="


def test_all_lives_end_before_the_story_does():
    scenarios = story.scenarios()
    lives = [order for scenario in scenarios.values() for order in scenario.orders]
    assert len(lives) == 36
    assert all(order.timeline[-1][1] in ("Completed", "Partial", "Canceled") for order in lives)
    assert max(order.timeline[-1][0] for order in lives) < story.MINUTES - 5
    assert len({service.name for scenario in scenarios.values() for service in scenario.services}) == 6


def test_every_order_is_tracked_once_and_not_before_it_is_placed():
    placed = [found for found in story.steps(story.scenarios()) if isinstance(found, story.OrdersPlaced)]
    tracked = [(found.panel, order.id) for found in placed for order in found.orders]
    assert len(tracked) == len(set(tracked)) == 36
    assert all(order.placed_at == found.minute for found in placed for order in found.orders)
    assert all(found.imported == (found.minute == 0) for found in placed)
    minutes = [found.minute for found in story.steps(story.scenarios())]
    assert minutes == sorted(minutes)


def test_its_configuration_is_one_the_tracker_takes(tmp_path):
    urls = dict.fromkeys(story.BALANCES, "http://127.0.0.1:9/api/v2")
    file = tmp_path / "config.toml"
    file.touch(0o600)
    file.write_text(story.configuration(urls, "k", "http://127.0.0.1:9/hook", SECRET))
    config = load(file, {}, cwd=tmp_path)
    assert set(config.panels) == set(story.BALANCES)
    assert config.warnings == ()
    assert config.data_dir == tmp_path / "data"


def test_the_daemon_gets_nothing_of_the_users_own_tracker():
    ours = {"TRACKER__PANELS__MAIN__URL": "https://panel.example", "TRACKER_CONFIG": "/etc/t", "NOTIFY_SOCKET": "@s",
            "HOME": "/home/u", "PYTHONPATH": "/some/where"}  # fmt: skip
    theirs = environment(ours)
    assert theirs.keys() == {"HOME", "PYTHONPATH"}
    assert theirs["PYTHONPATH"].endswith(":/some/where")
