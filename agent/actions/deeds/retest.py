"""Running the service test again: nothing is changed."""

from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.actions.deeds.deed import Begin, Begun, Ended, Errand, Momentary, Target
from agent.actions.errors import NotMeant, NotPossible
from agent.actions.subject import Subject
from agent.measurement.errors import MeasurementError
from agent.measurement.outcome import TestResult
from agent.measurement.testing import ServiceTesting
from inventory.errors import UnknownObject
from inventory.services import services_on
from inventory.surroundings import Surroundings
from inventory.tables import ServiceRow

MOST_TESTED = 5
"""Services that one action tests: each takes seconds."""
MOST_ASKED = 500
"""That are looked through for some that are measured."""
NOTHING_CHANGED = "nothing is changed by a test"


@dataclass(frozen=True, slots=True)
class Retest(Momentary):
    OVER = NOTHING_CHANGED

    tests: ServiceTesting

    def target(self, session: Session, subject: Subject, at: datetime) -> Target:
        del at
        active = select(ServiceRow.id).where(ServiceRow.id.in_(_services(session, subject)), ServiceRow.state == "active")
        standing = session.scalars(active.order_by(ServiceRow.id).limit(MOST_ASKED)).all()
        if not standing:
            raise NotMeant(f"no active service runs over {subject}; nothing is to test")
        measured = (service_id for service_id in standing if self.tests.measures(session, service_id))
        services = tuple(islice(measured, MOST_TESTED))
        if not services:
            whose = f"service {standing[0]}" if len(standing) == 1 else f"none of the {len(standing)} services over {subject}"
            raise NotMeant(f"nothing to measure: {whose} was ordered with anything that is measured (see `fabd measure`)")
        return Target(str(subject), frozenset(), services, NOTHING_CHANGED)

    def prepare(self, errand: Errand) -> Begin:
        words: list[str] = []
        tested = 0
        for service_id in errand.services:
            try:
                words.append(_told(self.tests.test(service_id, by=f"action:{errand.action_id}")))
                tested += 1
            except (MeasurementError, UnknownObject) as error:
                words.append(str(error))
        if not tested:
            raise NotPossible("; ".join(words))
        return lambda _session, _at: Begun(ended=Ended(True, "; ".join(words)))

    def look(self, errand: Errand) -> None:
        """The test has looked."""


def _services(session: Session, subject: Subject) -> tuple[str, ...]:
    network = Surroundings(session)
    try:
        match subject.kind:
            case "service":
                return (subject.name,)
            case "port":
                link = network.link_of(subject.name)
                return services_on(session, ports=[network.port(subject.name).id], links=[link.id] if link else [])
            case "element":
                return services_on(session, element=network.element(subject.name).name)
    except UnknownObject as error:
        raise NotMeant(str(error)) from error
    raise NotMeant(f"{subject} is nothing that services run over")


def _told(result: TestResult) -> str:
    verdict = "passed" if result.passed else f"failed: {', '.join(result.faults)}"
    measured = []
    for each in result.results:
        loss, delay = each.figures.loss_ratio, each.figures.delay_s
        figures = [f"{loss:.1%} lost"] if loss is not None else []
        figures += [f"{delay * 1000:.3g} ms"] if delay is not None else []
        measured.append(f"{each.target} {', '.join(figures)}".strip())
    return f"test {result.id} of {result.service_id} {verdict} ({'; '.join(measured)})"
