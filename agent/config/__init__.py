"""Settings: one model; `fabd.toml`, then environment `FABD_SECTION__KEY`, then flags, each over the one before."""

from agent.config.actions import ActionSettings
from agent.config.assurance import (
    AssuranceSettings,
    CollectorSettings,
    NotificationSettings,
    PollingSettings,
    SyslogSettings,
    TrapSettings,
    UsageSettings,
)
from agent.config.daemon import ApiSettings, CatalogSettings, KeepSettings, LogSettings
from agent.config.fulfillment import DriftSettings, FulfillmentSettings
from agent.config.loading import load_settings
from agent.config.measurement import MeasurementSettings
from agent.config.outbox import OutboxSettings, WebhookSettings
from agent.config.prometheus import AlertmanagerSettings, RemoteWriteSettings
from agent.config.settings import Settings
from agent.config.sources import PREFIX, Location, read_sources

__all__ = [
    "PREFIX",
    "ActionSettings",
    "AlertmanagerSettings",
    "ApiSettings",
    "AssuranceSettings",
    "CatalogSettings",
    "CollectorSettings",
    "DriftSettings",
    "FulfillmentSettings",
    "KeepSettings",
    "Location",
    "LogSettings",
    "MeasurementSettings",
    "NotificationSettings",
    "OutboxSettings",
    "PollingSettings",
    "RemoteWriteSettings",
    "Settings",
    "SyslogSettings",
    "TrapSettings",
    "UsageSettings",
    "WebhookSettings",
    "load_settings",
    "read_sources",
]
