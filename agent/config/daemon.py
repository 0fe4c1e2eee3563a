"""Settings of the daemon itself: where it keeps things, whom it listens to, what it logs."""

from ipaddress import ip_network
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator, model_validator

from agent.config.section import Days, Host, Number, Section


class DatabaseSettings(Section):
    url: str = Field(
        "", description="SQLAlchemy URL; empty means SQLite in `data_dir`. PostgreSQL: `postgresql+psycopg://user@host/fabd`."
    )
    pool_size: Number = Field(10, description="Connections kept open to PostgreSQL.")


class ApiSettings(Section):
    host: Host = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8640, ge=0, le=65535, description="TCP port to listen on; 0 takes a free one.")
    tls_certificate: Path | None = Field(None, description="PEM certificate chain; with `tls_key` the API speaks HTTPS.")
    tls_key: Path | None = Field(None, description="PEM private key of `tls_certificate`.")
    trusted_proxies: list[str] = Field(
        default_factory=list,
        description="Addresses or networks of reverse proxies that are believed whom they call for (`X-Forwarded-For`).",
    )
    max_connections: Number = Field(500, description="Connections open at the same time; further ones are cut off.")
    max_body_bytes: int = Field(
        1_048_576, gt=0, le=1_073_741_824, description="Largest request body; a larger one is refused with 413."
    )
    rate_per_minute: Number = Field(
        1200, description="Requests per minute and token (or address, before a token is known); more are refused with 429."
    )

    @model_validator(mode="after")
    def _tls_whole(self) -> "ApiSettings":
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key go together; set both or neither")
        return self

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, found: list[str]) -> list[str]:
        for each in found:
            try:
                ip_network(each)
            except ValueError:
                raise ValueError(f"{each!r} is no address or network; write 192.0.2.1 or 192.0.2.0/24") from None
        return found


class CredentialSettings(Section):
    file: Path | None = Field(None, description="TOML file of credentials, mode 0600; default `credentials.toml` in `data_dir`.")


class KeepSettings(Section):
    events_days: Days = Field(30, description="How long events that were delivered to everybody are kept, days.")
    minutes_days: Days = Field(2, description="How long what was measured is kept minute by minute, days.")
    five_minutes_days: Days = Field(32, description="How long it is kept in steps of five minutes, days.")
    hours_days: Days = Field(800, description="How long it is kept in steps of an hour, days.")
    resolved_tickets_days: Days = Field(5, description="A resolved ticket that nobody objects to is closed after so many days.")


class LogSettings(Section):
    level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least severe level that is logged.")
    format: Literal["auto", "console", "json"] = Field("auto", description="auto: console in a terminal, JSON otherwise.")


class CatalogSettings(Section):
    specifications: list[Path] = Field(
        default_factory=list, description="Folders with further service specifications (one folder each)."
    )
    slas: list[Path] = Field(default_factory=list, description="Folders with further SLA files.")
    tariffs: list[Path] = Field(default_factory=list, description="Folders with further tariff files.")
    translations: list[Path] = Field(
        default_factory=list, description="Files or folders with further rules for events; tried before those shipped."
    )
    collectors: list[Path] = Field(
        default_factory=list, description="Folders with further collectors; they replace shipped ones of their name."
    )
    foresight: list[Path] = Field(
        default_factory=list, description="Folders with further rules of early detection; they replace shipped ones of their name."
    )
    actions: list[Path] = Field(
        default_factory=list, description="Folders with further rules of actions; they replace shipped ones of their name."
    )
    platforms: list[Path] = Field(default_factory=list, description="Folders with further platforms (one folder each).")
