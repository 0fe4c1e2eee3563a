"""Everything that can be set, as one model."""

from datetime import timedelta
from pathlib import Path

from pydantic import Field, ValidationInfo, field_validator

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
from agent.config.daemon import ApiSettings, CatalogSettings, CredentialSettings, DatabaseSettings, KeepSettings, LogSettings
from agent.config.fulfillment import DriftSettings, FulfillmentSettings
from agent.config.measurement import MeasurementSettings
from agent.config.outbox import OutboxSettings
from agent.config.prometheus import AlertmanagerSettings, RemoteWriteSettings
from agent.config.section import Section


class Settings(Section):
    """Everything that can be set."""

    data_dir: Path = Field(
        Path("fabd-data"), description="Where fabd keeps its database, known hosts and credentials unless told otherwise."
    )
    known_hosts: Path | None = Field(
        None, description="OpenSSH known_hosts file of the elements; default `known_hosts` in `data_dir`."
    )
    database: DatabaseSettings = Field(default_factory=DatabaseSettings)
    api: ApiSettings = Field(default_factory=ApiSettings)
    credentials: CredentialSettings = Field(default_factory=CredentialSettings)
    fulfillment: FulfillmentSettings = Field(default_factory=FulfillmentSettings)
    drift: DriftSettings = Field(default_factory=DriftSettings)
    polling: PollingSettings = Field(default_factory=PollingSettings)
    traps: TrapSettings = Field(default_factory=TrapSettings)
    syslog: SyslogSettings = Field(default_factory=SyslogSettings)
    notifications: NotificationSettings = Field(default_factory=NotificationSettings)
    collectors: CollectorSettings = Field(default_factory=CollectorSettings)
    assurance: AssuranceSettings = Field(default_factory=AssuranceSettings)
    measurement: MeasurementSettings = Field(default_factory=MeasurementSettings)
    actions: ActionSettings = Field(default_factory=ActionSettings)
    usage: UsageSettings = Field(default_factory=UsageSettings)
    outbox: OutboxSettings = Field(default_factory=OutboxSettings)
    remote_write: RemoteWriteSettings = Field(default_factory=RemoteWriteSettings)
    alertmanager: AlertmanagerSettings = Field(default_factory=AlertmanagerSettings)
    keep: KeepSettings = Field(default_factory=KeepSettings)
    log: LogSettings = Field(default_factory=LogSettings)
    catalog: CatalogSettings = Field(default_factory=CatalogSettings)

    @field_validator("fulfillment")
    @classmethod
    def _somebody_carries_out(cls, found: FulfillmentSettings, info: ValidationInfo) -> FulfillmentSettings:
        database = info.data.get("database")
        if not found.carry_out and database is not None and _on_sqlite(database.url):
            raise ValueError(
                "carry_out is off, and on SQLite no other process may carry orders out; leave it on, or set database.url to "
                "PostgreSQL and run `fabd work` too"
            )
        return found

    @property
    def on_sqlite(self) -> bool:
        return _on_sqlite(self.database.url)

    @property
    def database_url(self) -> str:
        return self.database.url or f"sqlite:///{self.data_dir / 'fabd.db'}"

    @property
    def known_hosts_file(self) -> Path:
        return self.known_hosts or self.data_dir / "known_hosts"

    @property
    def credentials_file(self) -> Path:
        return self.credentials.file or self.data_dir / "credentials.toml"

    @property
    def bin_length(self) -> timedelta:
        return timedelta(seconds=self.usage.bin_s)


def _on_sqlite(url: str) -> bool:
    """`url`: of the settings."""
    return not url or url.startswith("sqlite")
