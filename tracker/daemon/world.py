"""What the tracker takes from outside: time, chance, and what carries calls and deliveries.

Everything in it enters by constructors, so that a test can drive the whole tracker from one seed. Threads, child
processes and sockets stay outside of that: they live in real time.
"""

import random
from collections.abc import Callable

from msgspec import Struct

from tracker.clock import SYSTEM, Clock
from tracker.config import AppriseConfig, HookConfig, PanelConfig, WebhookConfig
from tracker.delivery.channels import Channel
from tracker.delivery.channels.apprise import AppriseChannel
from tracker.delivery.channels.command import CommandChannel
from tracker.delivery.channels.webhook import WebhookChannel
from tracker.net.http import Exchanger
from tracker.net.panel import exchanger_of


def channel(hook: HookConfig) -> Channel:
    """The channel that a hook's section describes."""
    if isinstance(hook.channel, WebhookConfig):
        return WebhookChannel(hook.channel, hook.rules)
    if isinstance(hook.channel, AppriseConfig):
        return AppriseChannel(hook.channel, hook.rules)
    return CommandChannel(hook.channel, hook.rules)


class World(Struct, frozen=True):
    """The real world, unless a part of it is replaced.

    chance: draws a number in [0, 1).
    exchanger: makes what carries the calls to a panel.
    channel: makes what carries the deliveries of a hook.
    """

    clock: Clock = SYSTEM
    chance: Callable[[], float] = random.random
    exchanger: Callable[[PanelConfig], Exchanger] = exchanger_of
    channel: Callable[[HookConfig], Channel] = channel
