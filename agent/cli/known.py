"""The errors that a command tells in their own words."""

from sqlalchemy.exc import SQLAlchemyError

from agent.authoring.errors import AuthoringError
from agent.cli.errors import CliError
from agent.errors import AgentError
from agent.fulfillment.errors import FulfilmentError
from agent.measurement.errors import MeasurementError
from agent.security.errors import SecurityError
from crm_bridge.errors import BridgeError
from drivers.errors import DriverSetupError, ElementError
from drivers.probing.errors import ProbingError
from drivers.sim.errors import SimError
from inventory.errors import InventoryError
from policies.errors import PolicyError

DATABASE = SQLAlchemyError

KNOWN = (
    CliError,
    AgentError,
    AuthoringError,
    SecurityError,
    FulfilmentError,
    MeasurementError,
    BridgeError,
    InventoryError,
    PolicyError,
    ElementError,
    DriverSetupError,
    ProbingError,
    SimError,
)
"""Roots of errors whose text is for the person who typed the command."""
