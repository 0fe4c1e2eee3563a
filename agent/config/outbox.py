"""Settings of what is told to other systems."""

from pydantic import Field, field_validator

from agent.config.section import Seconds, Section


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
