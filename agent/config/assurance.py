"""Settings of assurance: polling, traps, alarms, objectives, usage."""

from typing import Self

from pydantic import Field, model_validator

from agent.config.section import Days, Host, Number, Seconds, Section, WholeSeconds
from policies.values import Severity


class PollingSettings(Section):
    interval_s: Seconds = Field(60.0, description="Seconds between polls of one element.")
    deadline_s: Seconds = Field(10.0, description="Longest an element may take per cycle, seconds.")
    timeout_s: Seconds = Field(2.0, description="Wait for one SNMP answer, seconds.")
    concurrency: Number = Field(512, description="Questions whose answers may be on their way at the same time.")
    failures_to_down: Number = Field(3, description="Failed polls in a row before an element counts as unreachable.")
    successes_to_up: Number = Field(1, description="Good polls in a row before it counts as reachable again.")
    utilisation_raise: float = Field(
        0.95, ge=0, le=1, description="Share of a port's speed that is too much, in either direction; 0: never."
    )
    utilisation_clear: float = Field(0.85, ge=0, le=1, description="Share of its speed at which a port is well again.")
    errors_raise: float = Field(1.0, ge=0, description="Packets with errors a second that are too many; 0: never.")
    errors_clear: float = Field(0.1, ge=0, description="Packets with errors a second at which a port is well again.")
    raise_after: Number = Field(3, description="Polls in a row above a threshold before a warning.")
    clear_after: Number = Field(3, description="Polls in a row below it before the warning is cleared.")

    @model_validator(mode="after")
    def _clear_below(self) -> Self:
        for measure in ("utilisation", "errors"):
            high, low = getattr(self, f"{measure}_raise"), getattr(self, f"{measure}_clear")
            if high and low > high:
                raise ValueError(
                    f"{measure}_clear ({low}) is above {measure}_raise ({high}): the warning would clear where it begins"
                )
        return self


class TrapSettings(Section):
    enabled: bool = Field(True, description="Listen for SNMP traps and informs.")
    host: Host = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(10162, ge=0, le=65535, description="UDP port for v1, v2c and v3 traps; 0 takes a free one.")
    credentials: list[str] = Field(
        default_factory=list,
        description="References whose community or user may send traps; empty means those of the elements' SNMP endpoints.",
    )
    queue: Number = Field(10_000, description="Traps waiting to be processed; more are dropped and counted.")
    per_source_s: Number = Field(1000, description="Traps a second that one address may send; more are dropped and counted.")


class SyslogSettings(Section):
    enabled: bool = Field(False, description="Listen for syslog messages (RFC 5424 and 3164).")
    host: Host = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(10514, ge=0, le=65535, description="UDP and TCP port; 0 takes a free one.")
    tcp: bool = Field(True, description="Listen on TCP, too (RFC 6587: octet counting or lines).")
    queue: Number = Field(10_000, description="Messages waiting to be processed; more are dropped and counted.")
    per_source_s: Number = Field(1000, description="Messages a second that one address may send; more are dropped and counted.")
    connections: Number = Field(256, description="TCP connections open at the same time; further ones are closed.")
    connections_per_source: Number = Field(32, description="TCP connections that one address may have open at the same time.")
    idle_s: Seconds = Field(
        600.0, description="Silence after which a connection gives up its place to a new one when all are taken, seconds."
    )
    relays: list[str] = Field(
        default_factory=list, description="Addresses of relays that are believed whose messages they pass on (by host name)."
    )


class NotificationSettings(Section):
    enabled: bool = Field(True, description="Subscribe to the notifications of elements that ask for it (RFC 5277).")
    elements: Number = Field(256, description="The most elements that are subscribed to.")
    attempt_s: Seconds = Field(60.0, description="Longest pause between attempts to subscribe again, seconds.")


class CollectorSettings(Section):
    enabled: bool = Field(True, description="Ask elements for what SNMP does not have, by command line and NETCONF.")
    interval_s: Seconds = Field(60.0, description="Seconds between two runs on one element, where a collector names no interval.")
    deadline_s: Seconds = Field(15.0, description="Longest that all of one element's collectors may take together, seconds.")
    at_once: Number = Field(8, description="Elements that are asked at the same time, each over one session.")


class EscalationSettings(Section):
    severity: Severity = Field(Severity.CRITICAL, description="Of the alarms that it is about.")
    after_s: Seconds = Field(900.0, description="How long one may stand without being acknowledged, seconds.")
    to_severity: Severity | None = Field(None, description="What it becomes then; nothing changes that.")
    assign_to: str = Field("", description="Who gets it then, if nobody has it.")


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
    escalation: list[EscalationSettings] = Field(
        default_factory=list,
        description="What happens to root causes that nobody acknowledges; each rule applies once to an occurrence, in this order.",
    )
    alarm_retention_days: Days = Field(400, description="How long cleared alarms and their history are kept, days.")
    stuck_after_days: Days = Field(30, description="An alarm that stands without news for so long is flagged as stuck, days.")
    poll_retention_days: Days = Field(30, description="How long poll cycles are kept as evidence, days.")


class UsageSettings(Section):
    bin_s: WholeSeconds = Field(300, description="Length of a usage bin, seconds; bins start on multiples of it since 1970 UTC.")
