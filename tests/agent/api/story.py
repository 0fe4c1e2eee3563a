"""Something of everything, for whoever looks at it through the API."""

from datetime import timedelta

from agent.assurance.history.store import History, SeriesKey
from agent.assurance.tables import AlarmChangeRow, AlarmRow, ProblemRow, ServiceStateRow
from crm_bridge.customers import customer_by_account
from crm_bridge.tickets import TicketReport, report
from crm_bridge.usage import UsageInput, receive
from inventory.tables import ServiceRow
from policies.values import Interval, Severity
from tests.agent.api.office import ORDERS


class Story:
    """One active service, one fault on it, one hour of usage."""

    def __init__(self, office) -> None:
        self.office, at = office, office.clock.now()
        self.order = office.post(ORDERS, json=office.order()).json()
        self.service = self.order["serviceOrderItem"][0]["service"]["id"]
        with office.database.write() as session:
            self._activate(session, at)
            self._fault(session, at + timedelta(minutes=10))
            self._use(session, at)
        self._measure(at)
        office.clock.advance(3600)

    def _activate(self, session, at) -> None:
        service = session.get_one(ServiceRow, self.service)
        service.state, service.started_at = "active", at
        state = {"state": "up", "start": at, "start_earliest": at, "start_latest": at, "end": at + timedelta(minutes=10)}
        session.add(ServiceStateRow(id="sst-1", service_id=self.service, **state))

    def _measure(self, at) -> None:
        history = History(self.office.database)
        for minute in range(10):
            history.take(at + timedelta(minutes=minute), {SeriesKey("port:pe1/ge-0/0/1", "in_bps"): 1e6 * minute})
        history.write(at + timedelta(minutes=10))

    def _fault(self, session, at) -> None:
        down = {"state": "down", "start": at, "start_earliest": at, "start_latest": at, "reason": "linkDown at pe1/ge-0/0/1"}
        session.add(ServiceStateRow(id="sst-2", service_id=self.service, end=None, **down))
        root = {"problem_class": "linkDown", "root_object": "port:pe1/ge-0/0/1", "state": "open", "opened_at": at}
        session.add(ProblemRow(id="prb-1", key="port:pe1/ge-0/0/1|linkDown", **root))
        session.flush()
        alarm = {"element": "pe1", "object": "ge-0/0/1", "cause": "linkDown", "severity": "major", "text": "down"}
        times = {"raised_at": at, "last_at": at}
        session.add(AlarmRow(id="alm-1", problem_id="prb-1", standing="root", why={"rule": "adjacent"}, **alarm, **times))
        old = alarm | {"object": "ge-0/0/0"}
        session.add(AlarmRow(id="alm-0", cleared_at=at, **old, raised_at=at - timedelta(minutes=5), last_at=at))
        session.flush()
        session.add(AlarmChangeRow(id="alc-1", alarm_id="alm-1", at=at, change="raised", detail={"severity": "major"}))
        customer = customer_by_account(session, self.office.operator.account)
        problem = TicketReport(
            customer.id,
            "prb-1",
            "port:pe1/ge-0/0/1",
            "linkDown",
            (self.service,),
            Severity.MAJOR,
            "Down",
            "Port down",
            None,
            since=at,
        )
        self.ticket = report(session, problem, at).id

    def _use(self, session, at) -> None:
        span = Interval(at, at + timedelta(minutes=5))
        self.usage = receive(session, UsageInput("counters", "use-1", self.service, span, 10**9, 2**63), at).id
