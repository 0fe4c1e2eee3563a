"""Structured logs: readable in a terminal, JSON otherwise; one event per fact, with a correlation id through all of them."""

import logging
import sys
from contextlib import AbstractContextManager

import structlog
from structlog.contextvars import bound_contextvars
from structlog.types import EventDict, WrappedLogger

from agent.config import LogSettings

QUIET = {"apscheduler": logging.CRITICAL, "paramiko": logging.CRITICAL, "netmiko": logging.CRITICAL, "ncclient": logging.CRITICAL}
"""Libraries whose failures we report ourselves, in the operator's words: their own lines would say the same twice."""

SECRET_KEYS = frozenset({"password", "community", "auth_key", "priv_key", "secret", "token", "authorization", "private_key"})


def configure(settings: LogSettings) -> None:
    """Set the process's logging up; call once. Libraries that use `logging` come out in the same form, warnings and worse."""
    terminal = settings.format == "console" or (settings.format == "auto" and sys.stderr.isatty())
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _without_secrets,
    ]
    renderer: structlog.types.Processor = structlog.processors.JSONRenderer()
    if terminal:
        # a pretty traceback shows local variables, and with them tokens and passwords
        renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    final: list[structlog.types.Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if not terminal:
        final.append(structlog.processors.format_exc_info)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[*final, renderer]))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(level, logging.WARNING))
    for own in ("agent", "crm_bridge", "drivers", "inventory", "fabd"):
        logging.getLogger(own).setLevel(level)
    for name, least in QUIET.items():
        logging.getLogger(name).setLevel(least)
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def correlated(correlation_id: str) -> AbstractContextManager[None]:
    """Every line logged inside carries `correlation_id`: from the order's request through its plan to its events."""
    return bound_contextvars(correlation_id=correlation_id)


def _without_secrets(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    for key in SECRET_KEYS & event.keys():
        event[key] = "•••"
    return event
