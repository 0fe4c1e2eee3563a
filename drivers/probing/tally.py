"""What became of the test packets of one span of time, and what that says: loss, delay, jitter, percentiles. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np


@dataclass(slots=True)
class Tally:
    """Of packets that were sent to one target within one span; times in seconds."""

    sent: int = 0
    """That left this machine."""
    delays: list[float] = field(default_factory=list)
    """There and back, without the time that a STAMP reflector took, in the order of the answers."""
    forward: list[float] = field(default_factory=list)
    """One way, as far as both clocks follow an outside source."""
    backward: list[float] = field(default_factory=list)
    duplicates: int = 0
    late: int = 0
    """Answers after the timeout: their packets count as lost."""
    reordered: int = 0
    problem: str = ""
    """Why a packet could not be sent, the last time that happened."""
    first_back: int | None = None
    last_back: int | None = None
    """The reflector's own sequence at the first and the last answer."""
    first_asked: int = 0
    last_asked: int = 0
    """Our sequence of those two."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Seconds, and a ratio; None where nothing came back to tell."""

    sent: int
    received: int
    loss_ratio: float | None
    delay_s: float | None = None
    """Mean of there and back."""
    delay_min_s: float | None = None
    delay_p50_s: float | None = None
    delay_p95_s: float | None = None
    delay_p99_s: float | None = None
    delay_max_s: float | None = None
    jitter_s: float | None = None
    """95th percentile of the delay variation: each delay over the shortest one of the span (PDV, RFC 5481 §4.2)."""
    forward_s: float | None = None
    backward_s: float | None = None
    """Means of one way, where both clocks follow an outside source."""
    lost_forward: int | None = None
    lost_backward: int | None = None
    """Between the first and the last answer, by the reflector's own sequence (RFC 8762 §4.3, stateful)."""
    duplicates: int = 0
    late: int = 0
    reordered: int = 0
    problem: str = ""


def figures(tally: Tally) -> Figures:
    """A span in which nothing was sent has no loss either: nothing is known."""
    received = len(tally.delays)
    forward, backward = _lost(tally)
    counted = Figures(
        tally.sent,
        received,
        (tally.sent - received) / tally.sent if tally.sent else None,
        lost_forward=forward,
        lost_backward=backward,
        duplicates=tally.duplicates,
        late=tally.late,
        reordered=tally.reordered,
        problem=tally.problem,
    )
    if not received:
        return counted
    delays = np.array(tally.delays)
    p50, p95, p99 = (float(each) for each in np.percentile(delays, (50, 95, 99)))
    low = float(delays.min())
    return replace(
        counted,
        delay_s=float(delays.mean()),
        delay_min_s=low,
        delay_p50_s=p50,
        delay_p95_s=p95,
        delay_p99_s=p99,
        delay_max_s=float(delays.max()),
        jitter_s=p95 - low,
        forward_s=_mean(tally.forward),
        backward_s=_mean(tally.backward),
    )


def _lost(tally: Tally) -> tuple[int | None, int | None]:
    """Of the packets between the first and the last answer: on the way there, on the way back."""
    if tally.first_back is None or tally.last_back is None or len(tally.delays) < 2:  # noqa: PLR2004  a first and a last
        return None, None
    asked = tally.last_asked - tally.first_asked + 1
    came = tally.last_back - tally.first_back + 1
    if not 0 < came <= asked:
        return None, None  # the reflector began anew, or packets were reordered around the ends
    return asked - came, max(0, came - len(tally.delays))


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
