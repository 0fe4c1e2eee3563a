"""What an alarm is about, or what somebody points at."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["element", "port", "link", "service", "other"]


@dataclass(frozen=True, slots=True)
class Subject:
    kind: Kind
    name: str
    """Of a port `element/port`, of a service its id."""

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}" if self.kind in {"link", "service"} else self.name

    @property
    def element(self) -> str:
        """Of an element or port; "" of others."""
        return self.name.partition("/")[0] if self.kind in {"element", "port"} else ""

    @property
    def port(self) -> str:
        return self.name.partition("/")[2] if self.kind == "port" else ""

    @classmethod
    def parse(cls, text: str) -> "Subject":
        """`pe1`, `pe1/ge-0/0/1`, `link:core-1`, `service:svc-…` or `svc-…`; what else has a colon is none of these."""
        kind, colon, name = text.partition(":")
        if text.startswith("svc-"):
            return cls("service", text)
        if kind == "link" and name:
            return cls("link", name)
        if kind == "service" and name:
            return cls("service", name)
        if "/" in text:
            return cls("port", text)
        return cls("other", text) if colon else cls("element", text)

    @classmethod
    def of_alarm(cls, element: str, object_: str) -> "Subject":
        """`object_` is a port, or "" for the element itself."""
        return cls("port", f"{element}/{object_}") if object_ else cls.parse(element)
