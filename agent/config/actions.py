"""Settings of the closed loop: which rules are on, and how much all of them may do."""

from typing import Literal

from pydantic import Field

from agent.config.section import Days, Number, Seconds, Section, WholeSeconds

ActionMode = Literal["off", "manual", "approve", "automatic"]


class ActionSettings(Section):
    modes: dict[str, ActionMode] = Field(
        default_factory=dict,
        description=(
            "Rule → off, manual (somebody runs it), approve (somebody approves it) or automatic. "
            "Rules that are not named here keep the mode of their file; those shipped are off."
        ),
    )
    causes: list[str] = Field(
        default_factory=list,
        description="Causes of alarms that other systems tell of (TMF642): rules may name them beside those that fabd knows.",
    )
    most_per_hour: Number = Field(20, description="Actions of all rules together that begin within an hour.")
    most_elements: Number = Field(8, description="Elements that actions of all rules together change at the same time.")
    approval_wait_s: WholeSeconds = Field(3600, description="How long a proposed action waits for its approval, seconds.")
    look_every_s: Seconds = Field(5.0, description="How often alarms are looked at, seconds.")
    keep_days: Days = Field(400, description="How long actions that have ended are kept, days; longer while their change stands.")
