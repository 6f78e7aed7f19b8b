"""The other side: a simulated panel and a webhook receiver, over real HTTP on loopback.

It imports nothing of the tracker but its errors, so that it can witness against it.
"""

from tracker.simulator.audit import Audit, AuditedCall, Served
from tracker.simulator.behaviour import BEHAVIOURS
from tracker.simulator.faults import ALL, KINDS, LASTING, PASSING, SLOW, Faults
from tracker.simulator.lifecycle import OrderLife, RefillLife, SimulatedService
from tracker.simulator.panel import SimulatedPanel
from tracker.simulator.receiver import Received, Receiver, read_record
from tracker.simulator.scenario import Scenario
from tracker.simulator.serve import receive_forever, serve_forever

__all__ = [
    "ALL",
    "BEHAVIOURS",
    "KINDS",
    "LASTING",
    "PASSING",
    "SLOW",
    "Audit",
    "AuditedCall",
    "Faults",
    "OrderLife",
    "Received",
    "Receiver",
    "RefillLife",
    "Scenario",
    "Served",
    "SimulatedPanel",
    "SimulatedService",
    "read_record",
    "receive_forever",
    "serve_forever",
]
