"""What every TM Forum resource may have beside its own attributes: its type, where its schema is, and whatever a client adds.

`@schemaLocation` is kept and echoed, and never fetched.
"""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from agent.api.body import InstantText
from agent.api.errors import BadRequest, Detail
from agent.api.patch import pointer

TYPES = ("@type", "@baseType", "@schemaLocation", "@referredType")
MAX_TYPE = 2048
MAX_TOLD = 20
"""Mistakes that are named at once."""

Text = Annotated[str, Field(min_length=1, max_length=256)]


class Open(BaseModel):
    """What is read of a body; attributes that are not named are kept: clients may send their own."""

    model_config = ConfigDict(extra="allow", alias_generator=to_camel)


class Reference(Open):
    id: Text | None = None
    name: str | None = None


class Party(Reference):
    role: str | None = None


class Note(Open):
    id: str | None = None
    author: str | None = None
    date: InstantText | None = None
    text: str | None = None


def refuse_odd_types(body: Mapping[str, Any]) -> None:
    """Raises `BadRequest` for a type or the like, anywhere in the body, that is no text."""
    if _has_odd(body):
        raise BadRequest.of(list(islice(_odd(body, ""), MAX_TOLD)))


def _has_odd(body: Mapping[str, Any]) -> bool:
    """Without finding out where: nearly nobody sends any."""
    waiting: list[object] = [body]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            if any(_is_odd(node[name]) for name in TYPES if name in node):
                return True
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node
    return False


def _is_odd(value: object) -> bool:
    return not isinstance(value, str) or len(value) > MAX_TYPE


def _odd(node: object, where: str) -> Iterator[Detail]:
    if isinstance(node, list):
        for place, each in enumerate(node):
            yield from _odd(each, f"{where}/{place}")
    if isinstance(node, Mapping):
        for name, value in node.items():
            there = f"{where}/{pointer(name)}"
            if name in TYPES and _is_odd(value):
                yield Detail(
                    "invalidValue", there, f"{name} is no text of at most {MAX_TYPE} characters; correct it or leave it out"
                )
            yield from _odd(value, there)
