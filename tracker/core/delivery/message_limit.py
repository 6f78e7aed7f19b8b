"""How many messages a hook gets in a minute: `max_per_minute` in any WINDOW_S seconds."""

WINDOW_S = 60.0


def counted_after(now: float) -> float:
    """Messages that began later than this moment count against the limit."""
    return now - WINDOW_S


def free_again_at(began_at: float) -> float:
    """When a message that began at `began_at` stops counting."""
    return began_at + WINDOW_S
