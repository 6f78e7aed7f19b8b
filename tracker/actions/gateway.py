"""What people may do about the gateway: stop it, start it, and settle a call whose outcome is unknown."""

from tracker.actions.context import ActionContext, require_ids
from tracker.core.gateway.requests import CallState
from tracker.errors import Exit, UserError
from tracker.intake.intake import Intake
from tracker.store import GatewayCall


class GatewayActions:
    """Everything that people may do about the gateway."""

    def __init__(self, context: ActionContext, intake: Intake) -> None:
        self._context = context
        self._intake = intake

    def stop(self, comment: str | None = None) -> bool:
        """Pass on no order, refill or cancellation from now on. Returns False when it was stopped already.

        comment: the reason, shown with the status.
        """
        return self._context.store.gateway.stop(comment, self._context.now())

    def start(self) -> bool:
        """Pass on orders, refills and cancellations again. Returns False when it was not stopped."""
        return self._context.store.gateway.start()

    def resolve(self, name: str, order_id: str | None) -> GatewayCall:
        """Settle a call whose outcome is unknown, and return it.

        Raises UserError: 2 when there is no such call or the id is not an id, 1 when the call cannot be settled so.

        order_id: the id of the order that the call placed, which is tracked from now on.
            None: the call did nothing, and what it reserved is free again.
        """
        if order_id is not None:
            require_ids([order_id])
        call = self._unclear(name)
        if order_id is None:
            self._context.store.gateway.call_not_placed(name, self._context.now())
            return call
        if call.action != "add":
            raise UserError(f"call {name} is a {call.action}, which has no order to track", ["--not-placed settles it"])
        self._context.panel(call.panel)
        self._intake.place(call, order_id, CallState.PLACED, self._context.now())
        return call

    def _unclear(self, name: str) -> GatewayCall:
        found = self._context.store.gateway.find_call(name)
        if found is None:
            raise UserError(f"there is no call {name}", ["tracker orders list --unclear"], Exit.USAGE)
        call, state = found
        if state is not CallState.UNCLEAR:
            raise UserError(f"call {name} is not unclear but {state.replace('_', ' ')}", [])
        return call
