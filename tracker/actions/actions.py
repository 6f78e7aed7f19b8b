"""All actions of one tracker, put together."""

from collections.abc import Mapping

from tracker.actions.alerts import AlertActions
from tracker.actions.context import ActionContext
from tracker.actions.gateway import GatewayActions
from tracker.actions.hooks import HookActions
from tracker.actions.intakes import IntakeActions
from tracker.actions.orders import OrderActions
from tracker.actions.panel_calls import PanelCalls
from tracker.actions.panels import PanelActions
from tracker.actions.refills import RefillActions
from tracker.config import Config
from tracker.config.names import configured
from tracker.delivery.channels import Channel
from tracker.intake.commands import IntakeCommand
from tracker.intake.intake import Intake
from tracker.intake.journal import Journal
from tracker.store import Store


class Actions:
    """All actions, as `orders`, `refills`, `panels`, `hooks`, `alerts`, `gateway`, `intakes` and `panel_calls(NAME)`.

    commands: the intake commands, by name.
    channels: the channels of the configured hooks, by hook.
    """

    def __init__(
        self,
        config: Config,
        store: Store,
        intake: Intake,
        journal: Journal,
        commands: Mapping[str, IntakeCommand],
        channels: Mapping[str, Channel],
    ) -> None:
        self._panels = config.panels
        self._intake = intake
        self._context = context = ActionContext({name: panel.rules for name, panel in config.panels.items()}, store)
        self.orders = OrderActions(context, intake, journal)
        self.refills = RefillActions(context)
        self.panels = PanelActions(context)
        self.hooks = HookActions(context, {name: hook.rules for name, hook in config.hooks.items()}, channels)
        self.alerts = AlertActions(context)
        self.gateway = GatewayActions(context, intake)
        self.intakes = IntakeActions(commands)

    def panel_calls(self, name: str) -> PanelCalls:
        """Returns the actions of one panel's own API. Close it after use. Raises UserError (2) for an unknown panel."""
        return PanelCalls(self._context, self._panels[configured("panel", name, self._panels)], self._intake)
