"""What the documents say, held against the program: commands parse, examples load, tables are complete."""

import ast
import json
import re
import shlex
import sqlite3
import subprocess
import tomllib
from codecs import decode
from decimal import Decimal
from pathlib import Path

import click
import pytest

from tracker import config, schema
from tracker.cli import main
from tracker.config import toml
from tracker.config.schema import NOT_BUILT, ROOT, Many, Section
from tracker.core import events
from tracker.core.event_types import EVENT_TYPES
from tracker.core.model import Balance, Order, Refill
from tracker.core.newcomers import FIELDS, BadRow, read_row
from tracker.core.rules import DEFAULT_EVENTS, RETRY_SCHEDULE_S, BalanceRules, PollRules
from tracker.core.status import OrderStatus, RefillStatus
from tracker.database import connect
from tracker.errors import Exit, PanelError, Trouble
from tracker.intake import read_rows
from tracker.store import Store
"""  # placeholder, replaced below
