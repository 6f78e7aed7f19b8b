"""A simulated panel and a webhook receiver, over real HTTP on loopback.

It imports nothing of the tracker but its errors, so that what it says about the tracker is independent of it.
"""

from tracker.simulator.audit import Audit, AuditedCall, Served
from tracker.simulator.behaviour import BEHAVIOURS
from tracker.simulator.faults import ALL, KINDS, LASTING, PASSING, SLOW, Faults
from tracker.simulator.invention import random_scenario
from tracker.simulator.lifecycle import OrderLife, RefillLife, SimulatedService
from tracker.simulator.panel import SimulatedPanel
from tracker.simulator.receiver import Received, Receiver, read_record
from tracker.simulator.scenario import Scenario
from tracker.simulator.scenario_file import load_scenario
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
    "load_scenario",
    "random_scenario",
    "read_record",
    "receive_forever",
    "serve_forever",
]
