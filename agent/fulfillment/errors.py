"""What can go wrong between an order and the network.

FulfilmentError                   any failure; carries refusals: code, where, message, remedy
├── OrderRefused                  nothing was stored                                   (ValueError)
│   ├── OrderMalformed            the order says something that cannot be meant        shape
│   └── OrderConflict             the inventory or an earlier order stands against it  conflict
├── FreezeMalformed               the change freeze says something that cannot be meant shape   (ValueError)
├── Missing                       no order, item, plan, freeze or element of that name notfound (LookupError)
├── StateRefused                  the order, item, plan or freeze has gone beyond that conflict
└── ResolutionRefused             the element is not in doubt, or the verb is unknown  conflict

Inside the worker, never seen by a client:
PhaseFailed                       one or more elements failed in a step of a plan
ElementsHeld                      another plan holds an element: wait
DriverFailed, EndpointUnusable    failures of an element that no driver reports        (ElementError)
Stopping                          the daemon ends and nothing has been changed yet
Cancelled                         the order was cancelled before the plan has decided
Interrupted                       the run ends here, the journal says how it goes on
└── Superseded                    another worker has taken the plan over: leave it alone
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from agent.fulfillment.plan import Failure
from drivers.errors import ElementError


class Kind(StrEnum):
    SHAPE = "shape"
    CONFLICT = "conflict"
    NOT_FOUND = "notfound"


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reason, for one place in what was asked."""

    code: str
    """Stable, e.g. unknownSpecification, invalidCharacteristic, portInUse, poolExhausted."""
    where: str
    """JSON pointer into the order, or the name of the object."""
    message: str
    """What happened, naming the object."""
    remedy: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}; {self.remedy}" if self.where else f"{self.message}; {self.remedy}"


class FulfilmentError(Exception):
    kind = Kind.CONFLICT

    def __init__(self, *refusals: Refusal) -> None:
        super().__init__("\n".join(str(refusal) for refusal in refusals))
        self.refusals = refusals


class OrderRefused(FulfilmentError, ValueError):
    pass


class OrderMalformed(OrderRefused):
    kind = Kind.SHAPE


class OrderConflict(OrderRefused):
    kind = Kind.CONFLICT


class FreezeMalformed(FulfilmentError, ValueError):
    kind = Kind.SHAPE


class Missing(FulfilmentError, LookupError):
    kind = Kind.NOT_FOUND

    def __init__(self, what: str, name: str, remedy: str = "") -> None:
        known = remedy or f"list them with `fabd {what} list`"
        super().__init__(Refusal("notFound", name, f"there is no {what} {name!r}", known))


class StateRefused(FulfilmentError):
    """What was asked for comes too late, too early, or for the wrong thing."""

    kind = Kind.CONFLICT


class ResolutionRefused(FulfilmentError):
    kind = Kind.CONFLICT


class PhaseFailed(Exception):
    """`transient` when trying the whole plan again can help."""

    def __init__(self, failures: Sequence[Failure], *, transient: bool = False) -> None:
        super().__init__("; ".join(str(failure) for failure in failures))
        self.failures = tuple(failures)
        self.transient = transient


class ElementsHeld(Exception):
    """`gist` begins the message and stays the same while only the holder changes."""

    def __init__(self, reasons: Sequence[str], gist: str) -> None:
        super().__init__("; ".join(reasons))
        self.gist = gist


class DriverFailed(ElementError):
    """A driver raised what no driver may raise: a mistake in the program, told as a failure of the element."""


class EndpointUnusable(ElementError):
    """The inventory or the credentials do not say how to reach the element."""


class Stopping(Exception):
    def __init__(self) -> None:
        super().__init__("fabd was stopped")


class Cancelled(Exception):
    """Nothing has been decided yet, and nothing is to be: what may have been changed is undone."""

    def __init__(self) -> None:
        super().__init__("the order was cancelled")


class Interrupted(Exception):
    """The run ends here and now, without touching anything; the journal says how it goes on."""


class Superseded(Interrupted):
    def __init__(self, plan_id: str, fence: int) -> None:
        super().__init__(f"plan {plan_id} was taken over by another worker (ours was fence {fence})")
