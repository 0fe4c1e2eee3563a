"""What a tree diff must know of the YANG modules."""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

from pydantic import Field, model_validator

from drivers.platform.data import Data


@dataclass(frozen=True, slots=True)
class Named:
    """Rules of `XmlRules` by `{namespace}name`."""

    keys: dict[str, tuple[str, ...]]
    presence: frozenset[str]
    leaf_lists: frozenset[str]
    mandatory: frozenset[str]
    identities: frozenset[str]
    defaults: dict[str, str]


class XmlRules(Data):
    """What a tree diff must know of the YANG modules; names are `prefix:name` with the prefixes of `namespaces`."""

    namespaces: dict[str, str]
    lists: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """List → its keys."""
    presence: frozenset[str] = frozenset()
    """Containers that mean something by being there; others are never removed themselves."""
    leaf_lists: frozenset[str] = frozenset()
    mandatory: frozenset[str] = frozenset()
    """Leaves that an entry cannot be without; they go only with the entry."""
    identities: frozenset[str] = frozenset()
    """Leaves whose value is an identity: compared without the prefix, which servers choose as they like."""
    defaults: dict[str, str] = Field(default_factory=dict)
    """Leaf → the value that its absence means."""
    roots: tuple[str, ...] = ()
    """Top elements under which values of pools are used: what an audit reads."""

    def clark(self, name: str) -> str:
        """`prefix:name` as `{namespace}name`."""
        prefix, _, local = name.partition(":")
        return f"{{{self.namespaces[prefix]}}}{local}"

    @cached_property
    def named(self) -> Named:
        """What is said of names, in Clark notation."""
        clark = self.clark
        return Named(
            keys={clark(name): tuple(map(clark, keys)) for name, keys in self.lists.items()},
            presence=frozenset(map(clark, self.presence)),
            leaf_lists=frozenset(map(clark, self.leaf_lists)),
            mandatory=frozenset(map(clark, self.mandatory)),
            identities=frozenset(map(clark, self.identities)),
            defaults={clark(name): value for name, value in self.defaults.items()},
        )

    @model_validator(mode="after")
    def _prefixes_are_declared(self) -> Self:
        names = {*self.lists, *(key for keys in self.lists.values() for key in keys), *self.leaf_lists, *self.presence}
        for name in sorted(names | self.mandatory | self.identities | set(self.defaults) | set(self.roots)):
            if name.partition(":")[0] not in self.namespaces:
                raise ValueError(f"`{name}` has a prefix that `namespaces` does not declare")
        return self
