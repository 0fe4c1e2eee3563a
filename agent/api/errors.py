"""One error object behind both forms: TM Forum's error body and RFC 9457 problem details.

ApiError                         any refusal, with its HTTP status
├── BadRequest                   400: shape, values, filters (ValueError)
├── NotFound                     404 (LookupError)
├── NotAcceptable                406: an answer in a form that fabd does not give
├── BodyTimeout                  408 (TimeoutError)
├── Conflict                     409: what the inventory or the state cannot give
├── PreconditionFailed           412: it is not any more what `If-Match` says
├── TooLarge                     413
├── UnsupportedMediaType         415
├── Unprocessable                422: an idempotency key with another body (ValueError)
├── TooManyRequests              429: carries `retry_after_s`
└── Unavailable                  503: not now, maybe soon: then it carries `retry_after_s`
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import ClassVar, Self

PROBLEM_JSON = "application/problem+json"
SOON_S = 5
"""After which to ask again where nobody knows how long it takes (`Retry-After`, RFC 9110 §10.2.3)."""


@dataclass(frozen=True, slots=True)
class Detail:
    """One of several mistakes in one request."""

    code: str
    pointer: str
    """RFC 6901, into the body; "" when it is not about one place."""
    message: str

    def __str__(self) -> str:
        return f"{self.pointer}: {self.message}" if self.pointer else self.message


class ApiError(Exception):
    """`code` is stable and for programs, the message names object and remedy, `pointer` is a JSON pointer into the body."""

    status: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR

    def __init__(self, code: str, message: str, *, pointer: str = "", details: Sequence[Detail] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.pointer = pointer
        self.details = tuple(details)

    @classmethod
    def of(cls, details: Sequence[Detail]) -> Self:
        """All mistakes at once; the first gives code and pointer."""
        first = details[0]
        message = "; ".join(str(detail) for detail in details)
        return cls(first.code, message, pointer=first.pointer, details=details if len(details) > 1 else ())


class BadRequest(ApiError, ValueError):
    status = HTTPStatus.BAD_REQUEST


class NotFound(ApiError, LookupError):
    status = HTTPStatus.NOT_FOUND


class NotAcceptable(ApiError):
    status = HTTPStatus.NOT_ACCEPTABLE


class BodyTimeout(ApiError, TimeoutError):
    status = HTTPStatus.REQUEST_TIMEOUT


class Conflict(ApiError):
    status = HTTPStatus.CONFLICT


class PreconditionFailed(ApiError):
    status = HTTPStatus.PRECONDITION_FAILED


class TooLarge(ApiError):
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class UnsupportedMediaType(ApiError):
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class Unprocessable(ApiError, ValueError):
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class TooManyRequests(ApiError):
    status = HTTPStatus.TOO_MANY_REQUESTS

    def __init__(self, code: str, message: str, *, retry_after_s: int) -> None:
        super().__init__(code, message)
        self.retry_after_s = retry_after_s


class Unavailable(ApiError):
    status = HTTPStatus.SERVICE_UNAVAILABLE

    def __init__(self, code: str, message: str, *, retry_after_s: int | None = None) -> None:
        """`retry_after_s`: None where it stays so until fabd is set up otherwise."""
        super().__init__(code, message)
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """What went wrong, before it is given a form."""

    status: int
    code: str
    message: str
    pointer: str = ""
    details: tuple[Detail, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def reason(self) -> str:
        return HTTPStatus(self.status).phrase

    def tmf(self) -> dict[str, object]:
        """TM Forum's `Error`; `referenceError` is a pointer in the form of a URI fragment (RFC 6901 §6)."""
        body: dict[str, object] = {
            "code": self.code,
            "reason": self.reason,
            "message": self.message,
            "status": str(self.status),
            "@type": "Error",
        }
        return body | ({"referenceError": f"#{self.pointer}"} if self.pointer else {})

    def problem(self, correlation_id: str = "") -> dict[str, object]:
        """RFC 9457."""
        body: dict[str, object] = {
            "type": f"urn:fabd:problem:{self.code}",
            "title": self.reason,
            "status": self.status,
            "detail": self.message,
        }
        if self.pointer:
            body["pointer"] = f"#{self.pointer}"
        if self.details:
            body["errors"] = [
                {"code": each.code, "detail": each.message} | ({"pointer": f"#{each.pointer}"} if each.pointer else {})
                for each in self.details
            ]
        if correlation_id:
            body["instance"] = f"urn:fabd:request:{correlation_id}"
        return body
