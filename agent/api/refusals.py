"""From what went wrong anywhere below to the one error object: the only place that knows every package's tree."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus

from sqlalchemy.exc import OperationalError

import agent.actions.errors as actions
import crm_bridge.errors as bridge
import inventory.errors as inventory
import policies.errors as policies
from agent.api.errors import SOON_S, ApiError, Detail, ErrorBody, TooManyRequests, Unavailable
from agent.assurance.errors import AssuranceError, NoHistory, UnknownAlarm, UnknownProblem
from agent.errors import AgentError
from agent.fulfillment.errors import FulfilmentError, Kind, Refusal
from agent.measurement.errors import CannotMeasure, MeasurementError, TooManyTests
from agent.security.errors import NotAuthenticated, NotPermitted, TokenError
from drivers.errors import ElementError

KNOWN = (
    ApiError,
    FulfilmentError,
    AssuranceError,
    MeasurementError,
    actions.ActionError,
    inventory.InventoryError,
    bridge.BridgeError,
    policies.PolicyError,
    NotAuthenticated,
    NotPermitted,
    TokenError,
    ElementError,
    OperationalError,
    AgentError,
)
"""Roots of what is answered in the error's own words; everything else is a mistake in the program: 500, without words."""

_KINDS: Mapping[Kind, HTTPStatus] = {
    Kind.SHAPE: HTTPStatus.BAD_REQUEST,
    Kind.CONFLICT: HTTPStatus.CONFLICT,
    Kind.NOT_FOUND: HTTPStatus.NOT_FOUND,
}


def error_body(error: Exception) -> ErrorBody:
    """What to answer. Unknown errors become a 500 that says nothing of the inside."""
    match error:
        case ApiError():
            return ErrorBody(error.status, error.code, error.message, error.pointer, error.details, _when_again(error))
        case FulfilmentError():
            return _fulfilment(error)
        case NotAuthenticated():
            return ErrorBody(HTTPStatus.UNAUTHORIZED, "notAuthenticated", str(error), headers={"WWW-Authenticate": "Bearer"})
        case policies.Refused() | inventory.InvalidMaintenance():
            return _of_details(error)
        case OperationalError() | inventory.OutcomeUnknown():
            return _of_database(error)
    return _plain(error)


def _when_again(error: ApiError) -> Mapping[str, str]:
    """RFC 9110 §10.2.3."""
    seconds = error.retry_after_s if isinstance(error, TooManyRequests | Unavailable) else None
    return {} if seconds is None else {"Retry-After": str(seconds)}


def _of_database(error: OperationalError | inventory.OutcomeUnknown) -> ErrorBody:
    code, message = _code(error), str(error)
    if isinstance(error, OperationalError):
        code = "databaseUnavailable"
        message = "the database does not answer at the moment; try again, and look at `fabd db check` when it stays so"
    return ErrorBody(HTTPStatus.SERVICE_UNAVAILABLE, code, message, headers={"Retry-After": str(SOON_S)})


def _of_details(error: policies.Refused | inventory.InvalidMaintenance) -> ErrorBody:
    if isinstance(error, policies.Refused):
        details = [Detail(refusal.rule, refusal.pointer, refusal.message) for refusal in error.refusals]
        return _several(HTTPStatus.BAD_REQUEST, "invalidCharacteristic", details)
    details = [Detail("invalidMaintenance", where, what) for where, what in error.mistakes]
    return _several(HTTPStatus.BAD_REQUEST, "invalidMaintenance", details)


def _plain(error: Exception) -> ErrorBody:
    """Errors whose text is all there is to say: the first rule that fits gives the status, the class its code."""
    for kinds, status in _RULES:
        if isinstance(error, kinds):
            return ErrorBody(status, _code(error), str(error))
    if isinstance(error, KNOWN):
        return ErrorBody(HTTPStatus.CONFLICT, _code(error), str(error))
    return ErrorBody(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "internalError",
        "fabd made a mistake; its log tells more under the correlation id of this answer",
    )


_RULES: Sequence[tuple[type[Exception] | tuple[type[Exception], ...], HTTPStatus]] = (
    (NotPermitted, HTTPStatus.FORBIDDEN),
    ((UnknownAlarm, UnknownProblem, NoHistory), HTTPStatus.NOT_FOUND),
    ((actions.UnknownAction, actions.UnknownRule), HTTPStatus.NOT_FOUND),
    (TokenError, HTTPStatus.CONFLICT),
    ((bridge.NotFound, inventory.UnknownObject, policies.NotInCatalog), HTTPStatus.NOT_FOUND),
    ((inventory.InvalidPool, inventory.InvalidDocument, inventory.ValueNotInPool), HTTPStatus.BAD_REQUEST),
    ((bridge.InvalidSubscription, bridge.CallbackRefused, bridge.InvalidDocument), HTTPStatus.BAD_REQUEST),
    ((policies.InvalidPolicy, policies.RenderingFailed), HTTPStatus.BAD_REQUEST),
    ((CannotMeasure, TooManyTests), HTTPStatus.SERVICE_UNAVAILABLE),
    ((ElementError, AgentError), HTTPStatus.SERVICE_UNAVAILABLE),
)


def _fulfilment(error: FulfilmentError) -> ErrorBody:
    details = [
        Detail(refusal.code, refusal.where if refusal.where.startswith("/") else "", _sentence(refusal))
        for refusal in error.refusals
    ]
    return _several(_KINDS[error.kind], "refused", details)


def _sentence(refusal: Refusal) -> str:
    return f"{refusal.message}; {refusal.remedy}" if refusal.remedy else refusal.message


def _several(status: HTTPStatus, code: str, details: list[Detail]) -> ErrorBody:
    if not details:
        return ErrorBody(status, code, status.phrase)
    message = "; ".join(str(detail) for detail in details)
    return ErrorBody(status, details[0].code, message, details[0].pointer, tuple(details) if len(details) > 1 else ())


def _code(error: Exception) -> str:
    name = type(error).__name__
    return name[0].lower() + name[1:]
