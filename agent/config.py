"""Settings: one model; `fabd.toml`, then environment `FABD_SECTION__KEY`, then flags, each over the one before."""

import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from agent.errors import ConfigurationError
from policies.calendar import ServiceHours

DEFAULT_FILE = Path("fabd.toml")
PREFIX = "FABD_"
LONGEST_SHOWN = 60
"""Characters of a wrong value that an error repeats."""
NOT_SETTINGS = ("FABD_CONFIG", "FABD_TOKEN", "FABD_URL", "FABD_TEST_", "FABD_CREDENTIAL_", "FABD_LAB_")
"""Environment variables that other parts read; everything else that starts with `FABD_` must be a setting."""

Document = dict[str, Any]

Seconds = Annotated[float, Field(gt=0, le=86_400)]
WholeSeconds = Annotated[int, Field(gt=0, le=86_400)]
Days = Annotated[int, Field(gt=0, le=36_500)]
Number = Annotated[int, Field(gt=0, le=1_000_000)]
Host = Annotated[str, Field(min_length=1)]
"""An empty one would mean every address of the machine."""


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


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


class ApprovalSettings(Section):
    """A plan of which everything is so that is said here has to be approved; one of which nothing is said, every plan."""

    specifications: list[str] = Field(default_factory=list, description="One of these is ordered; empty means any.")
    elements_over: int | None = Field(None, ge=0, le=1_000_000, description="More elements than this are changed.")
    services_over: int | None = Field(None, ge=0, le=1_000_000, description="More services than this are changed.")
    except_urgent: bool = Field(False, description="Orders of priority 0 need no approval by this rule.")


class FreezeSettings(Section):
    reason: str = Field(min_length=1, max_length=500, description="Why; whoever waits reads it.")
    days: list[str] = Field(min_length=1, description="Days of the week: mon, tue, wed, thu, fri, sat, sun.")
    start: str = Field("00:00", description="Time of day at which it begins.")
    end: str = Field("24:00", description="Time of day at which it ends; over midnight, write two that meet.")
    time_zone: str = Field("UTC", description="IANA name of the time zone, e.g. Europe/Berlin.")
    urgent_passes: bool = Field(False, description="Orders of priority 0 go on all the same.")

    @model_validator(mode="after")
    def _hours_whole(self) -> "FreezeSettings":
        try:
            self.hours()
        except ValidationError as error:
            raise ValueError("; ".join(detail["msg"].removeprefix("Value error, ") for detail in error.errors())) from None
        return self

    def hours(self) -> ServiceHours:
        window = {"days": self.days, "from": self.start, "to": self.end}
        return ServiceHours.model_validate({"time_zone": self.time_zone, "weekly": [window]})


class FulfillmentSettings(Section):
    workers: Number = Field(
        8, description="Plans executed at the same time; those stuck in an element that does not answer do not count."
    )
    most_workers: Number = Field(64, description="Plans executed at the same time, stuck ones included.")
    element_parallelism: Number = Field(16, description="Elements of one plan handled at the same time.")
    connect_timeout_s: Seconds = Field(15.0, description="Longest wait for a session, seconds.")
    stage_timeout_s: Seconds = Field(30.0, description="Longest staging on one element, seconds.")
    commit_timeout_s: Seconds = Field(30.0, description="Longest commit, confirm or save on one element, seconds.")
    verify_timeout_s: Seconds = Field(30.0, description="How long verification may try before the plan reverts, seconds.")
    confirm_timeout_s: WholeSeconds = Field(
        120, description="Confirmed-commit timeout asked of the element, seconds; extended while verification runs."
    )
    plan_deadline_s: Seconds = Field(600.0, description="A plan that has not decided by then reverts, seconds.")
    lease_s: Seconds = Field(30.0, description="A worker silent for so long loses its plan to another, seconds.")
    approval: list[ApprovalSettings] = Field(default_factory=list, description="Which plans somebody has to approve; any of these.")
    approval_wait_days: Days = Field(7, description="A plan that nobody has approved by then fails, days.")
    reference_wait_days: Days = Field(
        30, description="How long an item waits for what another system completes, unless it says so itself, days."
    )
    freeze: list[FreezeSettings] = Field(
        default_factory=list, description="Hours of the week in which no plan begins to change the network."
    )


class PollingSettings(Section):
    interval_s: Seconds = Field(60.0, description="Seconds between polls of one element.")
    deadline_s: Seconds = Field(10.0, description="Longest an element may take per cycle, seconds.")
    timeout_s: Seconds = Field(2.0, description="Wait for one SNMP answer, seconds.")
    concurrency: Number = Field(256, description="Elements polled at the same time.")
    failures_to_down: Number = Field(3, description="Failed polls in a row before an element counts as unreachable.")
    successes_to_up: Number = Field(1, description="Good polls in a row before it counts as reachable again.")


class TrapSettings(Section):
    enabled: bool = Field(True, description="Listen for SNMP traps and informs.")
    host: Host = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(10162, ge=0, le=65535, description="UDP port for v1, v2c and v3 traps; 0 takes a free one.")
    credentials: list[str] = Field(
        default_factory=list,
        description="References whose community or user may send traps; empty means those of the elements' SNMP endpoints.",
    )
    queue: Number = Field(10_000, description="Traps waiting to be processed; more are dropped and counted.")


class AssuranceSettings(Section):
    hold_s: float = Field(
        10.0,
        ge=0,
        le=86_400,
        description="Wait before the cause of silence is decided, seconds; a trap confirmed by a read does not wait.",
    )
    verify_spacing_s: Seconds = Field(1.0, description="Seconds between the reads that verify a failure.")
    recheck_s: Seconds = Field(120.0, description="Second targeted read after a trap, seconds.")
    sla_interval_s: Seconds = Field(60.0, description="Seconds between evaluations of objectives.")
    poll_retention_days: Days = Field(30, description="How long poll cycles are kept as evidence, days.")


class UsageSettings(Section):
    bin_s: WholeSeconds = Field(300, description="Length of a usage bin, seconds; bins start on multiples of it since 1970 UTC.")


class WebhookSettings(Section):
    url: str = Field(description="Where events are posted.")
    secret: str = Field(description="Credential reference whose `password` signs the events (Standard Webhooks, `whsec_…`).")
    query: str = Field("", description="Filter, e.g. `eventType=serviceOrderStateChangeEvent`.")

    @field_validator("secret")
    @classmethod
    def _reference(cls, found: str) -> str:
        if found.startswith("whsec_"):
            raise ValueError("this is the secret itself; keep it as the password of a credential and name that credential here")
        return found


class OutboxSettings(Section):
    webhooks: list[WebhookSettings] = Field(default_factory=list, description="Endpoints that get every event.")
    allow_private: list[str] = Field(
        default_factory=list,
        description="Networks or hosts that callbacks may reach although they are private, e.g. `127.0.0.1/32`.",
    )
    allow_http: bool = Field(False, description="Permit callbacks without TLS.")
    timeout_s: Seconds = Field(10.0, description="Longest delivery attempt, seconds.")


class KeepSettings(Section):
    events_days: Days = Field(30, description="How long events that were delivered to everybody are kept, days.")
    resolved_tickets_days: Days = Field(5, description="A resolved ticket that nobody objects to is closed after so many days.")


class DriftSettings(Section):
    audit: bool = Field(True, description="Whether every element is compared with the intent once a day.")
    audit_at: str = Field("02:30", pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="Time of day of the comparison, in UTC.")

    def until(self, now: datetime) -> timedelta:
        """How long until the next one."""
        hour, _, minute = self.audit_at.partition(":")
        at = now.astimezone(UTC).replace(hour=int(hour), minute=int(minute), second=0, microsecond=0)
        return (at if at > now else at + timedelta(days=1)) - now


class LogSettings(Section):
    level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least severe level that is logged.")
    format: Literal["auto", "console", "json"] = Field("auto", description="auto: console in a terminal, JSON otherwise.")


class CatalogSettings(Section):
    specifications: list[Path] = Field(
        default_factory=list, description="Folders with further service specifications (one folder each)."
    )
    slas: list[Path] = Field(default_factory=list, description="Folders with further SLA files.")
    tariffs: list[Path] = Field(default_factory=list, description="Folders with further tariff files.")
    platforms: list[Path] = Field(default_factory=list, description="Folders with further platforms (one folder each).")


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
    assurance: AssuranceSettings = Field(default_factory=AssuranceSettings)
    usage: UsageSettings = Field(default_factory=UsageSettings)
    outbox: OutboxSettings = Field(default_factory=OutboxSettings)
    keep: KeepSettings = Field(default_factory=KeepSettings)
    log: LogSettings = Field(default_factory=LogSettings)
    catalog: CatalogSettings = Field(default_factory=CatalogSettings)

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


Location = tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class _Source:
    name: str
    values: Document

    def has(self, location: Location) -> bool:
        node: Any = self.values
        for key in location:
            try:
                node = node[key]
            except (LookupError, TypeError):
                return False
        return True


@dataclass(frozen=True, slots=True)
class Sources:
    """Where settings come from: file, environment, flags; each goes before the one before it."""

    found: tuple[_Source, ...]

    @property
    def file(self) -> str:
        """Empty when there is none."""
        return self.found[0].name if self.found[0].values else ""

    def merged(self) -> Document:
        whole: Document = {}
        for source in self.found:
            _merge(whole, source.values)
        return whole

    def where(self, location: Location) -> str:
        """Source and key, as `fabd.toml: api.port` or `environment: FABD_API__PORT`; of what nobody set, as of the file."""
        reached = (location[:length] for length in range(len(location), 0, -1))
        source = next((each for known in reached for each in reversed(self.found) if each.has(known)), self.found[0])
        if source.name == "environment":
            return f"environment: {PREFIX}{'__'.join(_names(location)).upper()}"
        return f"{source.name}: {'.'.join(map(str, location))}"


def load_settings(
    file: Path | None = None, flags: Document | None = None, environment: Mapping[str, str] | None = None
) -> Settings:
    """Read every source and merge; raises `ConfigurationError` with one line per mistake: source, key, what is wrong, remedy."""
    sources = read_sources(file, flags, environment)
    try:
        return Settings.model_validate(sources.merged())
    except ValidationError as error:
        raise ConfigurationError([_mistake(detail, sources) for detail in error.errors()]) from None


def read_sources(file: Path | None = None, flags: Document | None = None, environment: Mapping[str, str] | None = None) -> Sources:
    """`file` must exist when it is given (or named by `FABD_CONFIG`); `fabd.toml` in the working directory is optional."""
    environment = os.environ if environment is None else environment
    named = file or (Path(environment["FABD_CONFIG"]) if environment.get("FABD_CONFIG") else None)
    return Sources((_from_file(named), _from_environment(environment), _Source("flag", flags or {})))


def _from_file(named: Path | None) -> _Source:
    path = named or DEFAULT_FILE
    if named is None and not path.exists():
        return _Source(str(path), {})
    try:
        return _Source(str(path), tomllib.loads(path.read_text(encoding="utf-8-sig")))
    except FileNotFoundError:
        raise ConfigurationError([f"{path}: no such file; create it or leave out --config"]) from None
    except OSError as error:
        raise ConfigurationError([f"{path}: cannot be read: {error.strerror}; name a file that fabd may read"]) from None
    except UnicodeDecodeError as error:
        raise ConfigurationError([f"{path}: cannot be read: not UTF-8 at byte {error.start}; convert it"]) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError([f"{path}: not valid TOML: {error}; correct it there"]) from None


def _from_environment(environment: Mapping[str, str]) -> _Source:
    values: Document = {}
    for variable in sorted(environment):  # a section comes before its keys
        if not variable.startswith(PREFIX) or variable.startswith(NOT_SETTINGS):
            continue
        *sections, key = variable.removeprefix(PREFIX).lower().split("__")
        node = values
        for section in sections:
            node = node.setdefault(section, {})
            if not isinstance(node, dict):
                told = f"{PREFIX}{section.upper()} is set as one value, too; keep one of them"
                raise ConfigurationError([f"environment: {variable}: {told}"])
        node[key] = _structured(environment[variable])
    return _Source("environment", values)


def _structured(text: str) -> Any:  # noqa: ANN401  JSON is any
    """Lists and tables are given as JSON; everything else is left to the model to read."""
    if text[:1] in "[{" and text:
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            return text
    return text


def _merge(into: Document, values: Document) -> None:
    for key, value in values.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = dict(value) if isinstance(value, dict) else value


def _mistake(detail: Any, sources: Sources) -> str:  # noqa: ANN401  Pydantic's error dictionary
    location: Location = detail["loc"]
    where, message = sources.where(location), str(detail["msg"]).removeprefix("Value error, ")
    match detail["type"]:
        case "extra_forbidden":
            return f"{where}: unknown key; {_suggestion(_names(location, through=True))}"
        case "missing":
            return f"{where}: field required; set it"
        case "model_type" | "dict_type":
            message = "this is a section; set the keys in it, one by one"
        case "list_type":
            message = 'write a list, as ["…", "…"]'
    return f"{where}: {message[0].lower()}{message[1:]}{_found(location, detail['input'])}"


def _found(location: Location, value: object) -> str:
    """What stands there, unless that is long or may hold a password."""
    secret = location[0] == "database" or location[-1] == "secret"
    if secret or not isinstance(value, str | int | float) or len(text := repr(value)) > LONGEST_SHOWN:
        return ""
    return f" (found {text})"


def _suggestion(keys: tuple[str, ...]) -> str:
    import difflib  # noqa: PLC0415  only when something is wrong

    model: Any = Settings
    for key in keys[:-1]:
        field = model.model_fields.get(key)
        model = field.annotation if field else None
        model = next(iter(get_args(model)), model)  # of a list's tables
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            return "remove it"
    known = list(model.model_fields)
    close = difflib.get_close_matches(keys[-1], known, n=1) if keys else []
    return f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(known)}"


def _names(location: Location, *, through: bool = False) -> tuple[str, ...]:
    """The keys of a location, up to the place in a list, or through it."""
    until = next((place for place, key in enumerate(location) if isinstance(key, int) and not through), None)
    return tuple(key for key in location[:until] if isinstance(key, str))
