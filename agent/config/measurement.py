"""Settings of active measurement."""

from pydantic import Field

from agent.config.section import Days, Number, Seconds, Section


class MeasurementSettings(Section):
    enabled: bool = Field(
        True, description="Measure services all the time where their specification has a monitor of kind echo or stamp."
    )
    packets_per_second: Number = Field(
        2000,
        description=(
            "Test packets a second that leave at most, in all. Nine tenths of it may be measured all the time; "
            "tests have the rest, and "
            "wait for each other."
        ),
    )
    timeout_s: Seconds = Field(2.0, description="Answers that take longer count as lost, seconds.")
    tests_at_once: Number = Field(8, description="Tests of services that run at the same time; others wait.")
    refresh_s: Seconds = Field(30.0, description="How soon a service that is new, or another, is measured, seconds.")
    tests_days: Days = Field(400, description="How long tests of services are kept, days; baselines stay.")
