"""One error object behind both forms: TM Forum's error body and RFC 9457 problem details.

ApiError                         any refusal, with its HTTP status
├── BadRequest                   400: shape, values, filters (ValueError)
├── NotFound                     404 (LookupError)
├── Conflict                     409: what the inventory or the state cannot give
├── TooLarge                     413
├── UnsupportedMediaType         415
├── Unprocessable                422: an idempotency key with another body (ValueError)
└── TooManyRequests              429: carries `retry_after_s`
"""

from dataclasses import dataclass
from http import HTTPStatus
from typing import ClassVar


class ApiError(Exception):
    """`code` is stable and for programs, the message names object and remedy, `pointer` is a JSON pointer into the body."""

    status: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR

    def __init__(self, code: str, message: str, *, pointer: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.pointer = pointer


class BadRequest(ApiError, ValueError):
    status = HTTPStatus.BAD_REQUEST


class NotFound(ApiError, LookupError):
    status = HTTPStatus.NOT_FOUND


class Conflict(ApiError):
    status = HTTPStatus.CONFLICT


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


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """What went wrong, before it is given a form."""

    status: int
    code: str
    message: str
    pointer: str = ""
    correlation_id: str = ""

    @property
    def reason(self) -> str:
        return HTTPStatus(self.status).phrase

    def tmf(self) -> dict[str, object]:
        """TM Forum's `Error`."""
        body: dict[str, object] = {
            "code": self.code,
            "reason": self.reason,
            "message": self.message,
            "status": str(self.status),
            "@type": "Error",
        }
        return body | ({"referenceError": self.pointer} if self.pointer else {})

    def problem(self) -> dict[str, object]:
        """RFC 9457."""
        body: dict[str, object] = {
            "type": f"urn:fabd:problem:{self.code}",
            "title": self.reason,
            "status": self.status,
            "detail": self.message,
        }
        if self.pointer:
            body["pointer"] = self.pointer
        if self.correlation_id:
            body["instance"] = f"urn:fabd:request:{self.correlation_id}"
        return body
