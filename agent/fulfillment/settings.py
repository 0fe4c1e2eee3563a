"""How long fulfilment waits and how much it does at once."""

from dataclasses import dataclass, field
from datetime import timedelta

from agent.fulfillment.approval import ApprovalRule
from agent.fulfillment.freezes import WeeklyFreeze
from inventory.work import Backoff


@dataclass(frozen=True, slots=True)
class FulfilmentSettings:
    """Defaults suit elements on a management network; the confirmation timeout must outlast verification and a restart of fabd."""

    carries_out: bool = True
    """Plans, what undoes orders, and what puts elements right; else other processes on the same database do."""
    workers: int = 8
    """Plans at once. Those that make no headway do not count, nor, up to as many again, those that wait for the database."""
    most_workers: int = 64
    """Plans at once, stuck ones included."""
    stall_after: timedelta = timedelta(milliseconds=250)
    """A plan whose elements have not answered for so long makes no headway; another may begin beside it."""
    silent_at_once: int = 4
    """Plans at once on elements that could not be reached or did not answer when they were last asked."""
    backlog: int = 32
    """Plans claimed beyond those at work, in line for their elements."""
    elements_at_once: int = 8
    """Elements of one plan at once."""
    connect_timeout: timedelta = timedelta(seconds=15)
    stage_timeout: timedelta = timedelta(seconds=30)
    """Locking (with retries while another session holds the lock), editing and validating."""
    commit_timeout: timedelta = timedelta(seconds=30)
    confirm_timeout: timedelta = timedelta(seconds=120)
    """After it an element undoes a commit that nobody confirmed; started anew while verification runs."""
    verify_timeout: timedelta = timedelta(seconds=20)
    """How long configuration and ports may take to show what was committed."""
    finish_timeout: timedelta = timedelta(seconds=30)
    """Confirming and saving, or reverting, before an element counts as in doubt."""
    bounce: timedelta = timedelta(seconds=3)
    """How long a port that is bounced stays shut once it is."""
    reading_timeout: timedelta = timedelta(seconds=5)
    """The counter reading at activation and before a delete."""
    plan_timeout: timedelta = timedelta(minutes=15)
    """From the order to the last attempt; waiting for an element that another plan holds included."""
    attempts: int = 4
    """How often a plan is tried while what stops it is transient."""
    retry: Backoff = field(default_factory=lambda: Backoff(timedelta(seconds=2), timedelta(seconds=30)))
    doubt_retry: Backoff = field(default_factory=lambda: Backoff(timedelta(seconds=5), timedelta(minutes=5)))
    """An element in doubt is tried until it answers or an operator resolves it."""
    hold_wait: timedelta = timedelta(seconds=1)
    """How soon a plan looks again for an element that another plan holds; the one that lets go of it wakes the oldest."""
    longest_hold_wait: timedelta = timedelta(seconds=15)
    """The longer it has waited, the less often it looks."""
    lease: timedelta = timedelta(seconds=60)
    """A worker that does not renew for so long has lost its plans to others."""
    poll: timedelta = timedelta(seconds=1)
    """How often a worker looks for work that another process submitted."""
    approval: tuple[ApprovalRule, ...] = ()
    """Which plans somebody has to approve."""
    approval_wait: timedelta = timedelta(days=7)
    """After it a plan that nobody approved fails."""
    reference_wait: timedelta = timedelta(days=30)
    """How long an item waits for what another system completes, unless it says so itself."""
    freezes: tuple[WeeklyFreeze, ...] = ()
    """Hours of the week in which no plan begins to change the network."""
