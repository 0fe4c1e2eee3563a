"""The API over a small operator: real parts on a temporary database, called without a network."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import httpx

from agent.actions import service as actions
from agent.api.app import create_app
from agent.api.parts import Parts
from agent.api.ratelimit import RateLimiter
from agent.api.tmf import monitors
from agent.api.tmf.presenter import TmfPresenter
from agent.catalog import load_actions
from agent.config import ActionSettings, ApiSettings
from agent.fulfillment import service as fulfilment
from agent.fulfillment.settings import FulfilmentSettings
from agent.measurement.aims import Aims
from agent.measurement.errors import NothingToMeasure
from agent.measurement.outcome import TestResult
from agent.measurement.testing import ServiceTests
from agent.metrics import Metrics
from agent.security import tokens
from agent.security.roles import Role
from drivers.port import Credential
from drivers.registry import driver_for
from tests.agent.api.promise import check
from tests.agent.fulfillment.fakes import FakeLifecycle
from tests.agent.fulfillment.network import Operator

ORDERS = "/tmf-api/serviceOrdering/v4/serviceOrder"
PATIENCE = timedelta(seconds=5)


class Unmeasured:
    """No service has anything that could be measured."""

    def measures(self, _session: object, _service_id: str) -> bool:
        return False

    def test(self, service_id: str, **_options: object) -> TestResult:
        raise NothingToMeasure(service_id)


class Office:
    def __init__(self, database, clock, *, fulfilment_settings=None, **settings) -> None:
        self.operator = Operator(database, clock)
        self.database, self.clock = database, clock
        self.waiting: list[str] = []
        self.fulfilment = fulfilment.FulfilmentService(
            fulfilment.Parts(
                database=database,
                clock=clock,
                catalog=self.operator.catalog,
                queue=self.operator.queue,
                drivers=driver_for,
                credentials=Credential,
                lifecycle=FakeLifecycle(clock),
                presenter=TmfPresenter(),
                settings=fulfilment_settings or FulfilmentSettings(),
                follower=monitors.follow,
            )
        )
        self.settings = ApiSettings(**settings)
        self.parts = Parts(
            settings=self.settings,
            database=database,
            clock=clock,
            catalog=self.operator.catalog,
            fulfilment=self.fulfilment,
            metrics=Metrics(),
            limiter=RateLimiter(self.settings.rate_per_minute, clock.monotonic),
            readiness=lambda: tuple(self.waiting),
            actions=self._actions(),
            tests=ServiceTests(database, clock, Aims(self.operator.catalog, Credential)),
        )
        self.app = create_app(self.parts)
        with database.write() as session:
            self.tokens = {role: tokens.create(session, role.value, role, clock.now()) for role in Role}

    def _actions(self) -> actions.ActionService:
        """One rule can be run by hand; nothing measures."""
        return actions.ActionService(
            actions.Parts(
                database=self.database,
                clock=self.clock,
                queue=self.operator.queue,
                fulfilment=self.fulfilment,
                tests=Unmeasured(),
                rules=load_actions(),
                settings=ActionSettings(modes={"bounce-errored-port": "manual"}),
            )
        )

    def with_callbacks(self, policy) -> Parts:
        """The same parts, which may call other addresses."""
        return replace(self.parts, callbacks=policy)

    def call(self, method, path, *, role: Role | None = Role.ADMIN, headers=None, **request) -> httpx.Response:
        bearer = {"Authorization": f"Bearer {self.tokens[role]}"} if role else {}
        return asyncio.run(self._call(method, path, bearer | (headers or {}), request))

    async def _call(self, method, path, headers, request) -> httpx.Response:
        """Every answer is held against what the API says of itself."""
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False, client=("192.0.2.7", 50000))
        async with httpx.AsyncClient(transport=transport, base_url="http://fabd.test") as client:
            answer = await client.request(method, path, headers=headers, **request)
        check(self.app, method, answer)
        return answer

    def get(self, path, **request) -> httpx.Response:
        return self.call("GET", path, **request)

    def post(self, path, **request) -> httpx.Response:
        return self.call("POST", path, **request)

    def order(self, port="pe1/ge-0/0/1", **more) -> dict:
        """A body that is taken."""
        return {
            "relatedParty": [{"id": self.operator.account, "role": "customer", "@referredType": "Customer"}],
            "serviceOrderItem": [item("1", port=port)],
        } | more


def item(reference="1", action="add", spec="internet-access", *, related=(), service=None, **characteristics) -> dict:
    values = [{"name": name, "value": value} for name, value in characteristics.items()]
    body = {
        "id": reference,
        "action": action,
        "service": {"serviceSpecification": {"id": spec}, "serviceCharacteristic": values} | (service or {}),
    }
    if related:
        body["serviceOrderItemRelationship"] = [
            {"relationshipType": kind, "orderItem": {"itemId": other}} for kind, other in related
        ]
    return body
