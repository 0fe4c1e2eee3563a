"""Values of the inside as JSON: instants in UTC with a Z, exact numbers as strings, dataclasses as objects."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from pydantic import BaseModel
from sqlalchemy.orm import Session

from inventory.db import Base


def plain(value: object) -> Any:  # noqa: ANN401  JSON is any
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each) for each in value]
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    return _scalar(value)


def _scalar(value: object) -> object:
    match value:
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case Decimal():
            return f"{value:f}"
        case Enum():
            return value.value
    return value


def columns(row: Base, *left_out: str) -> dict[str, Any]:
    """A row's columns by their names. Name in `left_out` what is a secret's digest or of no use to anybody."""
    return {column.name: plain(getattr(row, column.name)) for column in row.__table__.columns if column.name not in left_out}


def whole(_session: Session, rows: Sequence[Base]) -> list[Mapping[str, Any]]:
    """Rows with all their columns, as `Listing` wants them rendered."""
    return [columns(row) for row in rows]
