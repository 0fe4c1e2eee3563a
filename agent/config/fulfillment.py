"""Settings of fulfilment: workers and their patience, approval, freezes, drift."""

from datetime import UTC, datetime, timedelta

from pydantic import Field, ValidationError, model_validator

from agent.config.section import Days, Number, Seconds, Section, WholeSeconds
from policies.calendar import ServiceHours


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
    carry_out: bool = Field(
        True,
        description="Whether this daemon carries orders out. Off, where processes of their own do it on the same PostgreSQL "
        "database (`fabd work`).",
    )
    workers: Number = Field(
        8,
        description="Plans executed at the same time. Those stuck in an element that does not answer do not count, nor do, up to "
        "as many again, those that wait for the database: so for a moment twice as many may be with elements.",
    )
    most_workers: Number = Field(64, description="Plans executed at the same time, stuck ones included.")
    element_parallelism: Number = Field(16, description="Elements of one plan handled at the same time.")
    connect_timeout_s: Seconds = Field(15.0, description="Longest wait for a session, seconds.")
    stage_timeout_s: Seconds = Field(30.0, description="Longest staging on one element, seconds.")
    commit_timeout_s: Seconds = Field(30.0, description="Longest commit on one element, seconds.")
    finish_timeout_s: Seconds = Field(
        30.0, description="How long confirming and saving, or reverting, is tried before an element counts as in doubt, seconds."
    )
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


class DriftSettings(Section):
    audit: bool = Field(True, description="Whether every element is compared with the intent once a day.")
    audit_at: str = Field("02:30", pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="Time of day of the comparison, in UTC.")

    def until(self, now: datetime) -> timedelta:
        """How long until the next one."""
        hour, _, minute = self.audit_at.partition(":")
        at = now.astimezone(UTC).replace(hour=int(hour), minute=int(minute), second=0, microsecond=0)
        return (at if at > now else at + timedelta(days=1)) - now
