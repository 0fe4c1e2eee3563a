"""Settings of what is sent to, and heard from, the tools of Prometheus."""

import re
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from agent.config.section import Number, Seconds, Section

_LABEL = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)
_OWN = frozenset({"element", "port", "service_id"})


def _http(found: str) -> str:
    parts = urlsplit(found)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("this is no address to post to; write it whole, with http:// or https://")
    try:
        _ = parts.port
    except ValueError:
        raise ValueError("its port is none; write a number up to 65535") from None
    if parts.username or parts.password:
        raise ValueError("secrets do not belong into an address; keep them as a credential and name that credential")
    return found


def _labels(found: dict[str, str], own: frozenset[str]) -> dict[str, str]:
    for name in found:
        if not _LABEL.fullmatch(name):
            raise ValueError(f"{name!r} is no label; write it in small letters, digits and _, with a letter first")
        if name in own:
            raise ValueError(f"{name} is fabd's own to say; take another name")
    return found


class RemoteWriteSettings(Section):
    url: str = Field(
        "",
        description="Where samples of ports are sent (remote write 1.0), e.g. `https://host/api/v1/write`; empty: nowhere.",
    )
    credential: str = Field(
        "", description="Credential reference: with a `username` Basic authentication, with a `password` alone a bearer token."
    )
    labels: dict[str, str] = Field(
        default_factory=dict, description="Labels of every series, beside `job` and `instance`, which may be set here, too."
    )
    queue: int = Field(
        1_000_000,
        gt=0,
        le=100_000_000,
        description="Samples that wait while the receiver takes none; further ones are lost.",
    )
    timeout_s: Seconds = Field(10.0, description="Longest attempt to deliver, seconds.")
    give_up_s: Seconds = Field(900.0, description="Samples that could not be delivered for so long are lost, seconds.")

    @field_validator("url")
    @classmethod
    def _address(cls, found: str) -> str:
        return _http(found) if found else found

    @field_validator("labels")
    @classmethod
    def _known_labels(cls, found: dict[str, str]) -> dict[str, str]:
        return _labels(found, _OWN)


class AlertmanagerSettings(Section):
    urls: list[str] = Field(
        default_factory=list, description="Alertmanagers that are told of open alarms, all of them, e.g. `http://host:9093`."
    )
    credential: str = Field(
        "", description="Credential reference: with a `username` Basic authentication, with a `password` alone a bearer token."
    )
    labels: dict[str, str] = Field(default_factory=dict, description='Labels of every alert, e.g. `{team = "noc"}`.')
    resend_s: Seconds = Field(60.0, description="How often what stands is told again, seconds; forgotten after four times as long.")
    timeout_s: Seconds = Field(10.0, description="Longest attempt to tell, seconds.")
    element_label: str = Field(
        "element", description="Label of alerts from Alertmanager that names the element (or `element/port`) they are about."
    )
    port_label: str = Field("port", description="Label of alerts from Alertmanager that names its port.")
    most_alerts: Number = Field(1000, description="Alerts that one notification of Alertmanager may hold; more are refused.")

    @field_validator("urls")
    @classmethod
    def _addresses(cls, found: list[str]) -> list[str]:
        return [_http(each).rstrip("/") for each in found]

    @field_validator("labels")
    @classmethod
    def _known_labels(cls, found: dict[str, str]) -> dict[str, str]:
        return _labels(found, _OWN | {"alertname", "severity", "alarm_id", "source"})
