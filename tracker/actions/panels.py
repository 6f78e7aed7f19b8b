"""What people may do with a panel: pause it, and resume it."""

from tracker.actions.context import ActionContext


class PanelActions:
    """Everything that people may do with panels. Calls to a panel's own API are in `panel_calls`."""

    def __init__(self, context: ActionContext) -> None:
        self._context = context

    def pause(self, panel: str) -> None:
        """Ask the panel nothing until it is resumed. Raises UserError (2) for an unknown panel."""
        self._switch(panel, paused=True)

    def resume(self, panel: str) -> None:
        """Ask the panel again. Raises UserError (2) for an unknown panel."""
        self._switch(panel, paused=False)

    def _switch(self, panel: str, *, paused: bool) -> None:
        self._context.panel_with_row(panel)
        self._context.store.panels.pause(panel, paused=paused)
