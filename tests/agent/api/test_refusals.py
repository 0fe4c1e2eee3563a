"""Every package's errors become one body, in two forms."""

import inspect

import pytest
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

import agent.errors
import crm_bridge.errors
import inventory.errors
import policies.errors
from agent.api import errors as api
from agent.api.listing import Listing
from agent.api.refusals import error_body
from agent.fulfillment.errors import Missing, OrderConflict, OrderMalformed, Refusal
from agent.security.errors import NotAuthenticated, NotPermitted
from drivers.errors import ElementTimeout


def refusal(where="/serviceOrderItem/0") -> Refusal:
    return Refusal("portInUse", where, "port pe1/ge-0/0/1 is in use", "choose another")


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (api.BadRequest("bad", "it is bad"), 400, "bad"),
        (api.TooManyRequests("slow", "slow down", retry_after_s=7), 429, "slow"),
        (OrderMalformed(refusal()), 400, "portInUse"),
        (OrderConflict(refusal()), 409, "portInUse"),
        (Missing("plan", "pln-1"), 404, "notFound"),
        (NotAuthenticated("who are you"), 401, "notAuthenticated"),
        (NotPermitted("you may not"), 403, "notPermitted"),
        (inventory.errors.UnknownObject("element", "pe9"), 404, "unknownObject"),
        (inventory.errors.PoolExhausted("vlans", "all 100 are given"), 409, "poolExhausted"),
        (inventory.errors.ValueNotInPool("vlans", "9", "not in 100-199"), 400, "valueNotInPool"),
        (crm_bridge.errors.UnknownCustomer("1"), 404, "unknownCustomer"),
        (crm_bridge.errors.BillSealed(3, "sent"), 409, "billSealed"),
        (crm_bridge.errors.CallbackRefused("http://x", "private"), 400, "callbackRefused"),
        (policies.errors.NotInCatalog("SLA", "platinum", ["gold"]), 404, "notInCatalog"),
        (policies.errors.Refused([policies.errors.Refusal("/vlan", "maximum", "too large")]), 400, "maximum"),
        (ElementTimeout("pe1", "no answer"), 503, "elementTimeout"),
        (agent.errors.CredentialUnresolved("core", "add it"), 503, "credentialUnresolved"),
        (OperationalError("SELECT secret", {"p": "secret"}, Exception("database is locked")), 503, "databaseUnavailable"),
        (RuntimeError("password hunter2"), 500, "internalError"),
    ],
)
def test_an_error_has_its_status_and_code(error, status, code):
    body = error_body(error)
    assert (body.status, body.code) == (status, code)


def test_what_the_database_said_is_for_the_log_alone(office, monkeypatch):
    def refuse(*_):
        raise OperationalError("SELECT name FROM customer", {"p": "Acme"}, Exception("disk I/O error\nDETAIL: Acme"))

    monkeypatch.setattr(Listing, "fetch", refuse)
    with capture_logs() as logs:
        answer = office.get("/tmf-api/serviceOrdering/v4/serviceOrder")
    assert [entry["error"] for entry in logs if entry["event"] == "the database refused"] == ["disk I/O error"]
    assert answer.status_code == 503
    assert "disk" not in answer.text


def test_what_is_inside_stays_inside():
    for error in (RuntimeError("password hunter2"), OperationalError("SELECT secret", {}, Exception("secret"))):
        said = str(error_body(error).tmf()) + str(error_body(error).problem("abc"))
        assert "hunter2" not in said
        assert "secret" not in said


@pytest.mark.parametrize("package", [crm_bridge.errors, inventory.errors, policies.errors], ids=lambda package: package.__name__)
def test_no_error_of_a_package_becomes_a_500(package):
    leaves = [each for _, each in inspect.getmembers(package, inspect.isclass) if issubclass(each, Exception)]
    assert leaves
    for leaf in leaves:
        error = leaf.__new__(leaf)
        error.args = ("said",)
        error.refusals = error.mistakes = ()
        assert error_body(error).status < 500 or (leaf, error_body(error).status) == (inventory.errors.OutcomeUnknown, 503), leaf


def test_both_forms_say_the_same():
    body = error_body(OrderConflict(refusal("/serviceOrderItem/0/service"), refusal("pe1")))
    assert body.tmf() == {
        "code": "portInUse",
        "reason": "Conflict",
        "message": "/serviceOrderItem/0/service: port pe1/ge-0/0/1 is in use; choose another; "
        "port pe1/ge-0/0/1 is in use; choose another",
        "status": "409",
        "@type": "Error",
        "referenceError": "#/serviceOrderItem/0/service",
    }
    problem = body.problem("abc")
    assert problem["pointer"] == "#/serviceOrderItem/0/service"
    assert (problem["type"], problem["status"], problem["instance"]) == ("urn:fabd:problem:portInUse", 409, "urn:fabd:request:abc")
    assert problem["errors"] == [
        {
            "code": "portInUse",
            "detail": "port pe1/ge-0/0/1 is in use; choose another",
            "pointer": "#/serviceOrderItem/0/service",
        },
        {"code": "portInUse", "detail": "port pe1/ge-0/0/1 is in use; choose another"},
    ]


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (api.TooManyRequests("slow", "slow down", retry_after_s=7), "7"),
        (api.Unavailable("databaseUnavailable", "not now", retry_after_s=api.SOON_S), "5"),
        (inventory.errors.OutcomeUnknown("the database does not answer"), "5"),
        (OperationalError("select 1", {}, Exception("gone")), "5"),
        (api.Unavailable("notMeasuring", "this daemon measures nothing"), None),
    ],
)
def test_who_is_to_come_later_hears_when(error, seconds):
    assert error_body(error).headers.get("Retry-After") == seconds
