"""The inventory as an operator looks at it: the network as a tree, one element, pools. Values that turn into JSON with `asdict`."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory.tables import ElementRow, PortRow, SiteRow


@dataclass(frozen=True, slots=True)
class Leaf:
    """An element in the tree."""

    name: str
    platform: str
    role: str
    administrative: str
    ports: int


@dataclass(frozen=True, slots=True)
class Branch:
    """A site, with what it contains."""

    name: str
    sites: tuple["Branch", ...]
    elements: tuple[Leaf, ...]


def tree(session: Session) -> tuple[Branch, ...]:
    """Sites that are in no other, with all below them."""
    counts: dict[str, int] = {}
    for element_id in session.scalars(select(PortRow.element_id)):
        counts[element_id] = counts.get(element_id, 0) + 1
    elements: dict[str, list[Leaf]] = {}
    for row in session.scalars(select(ElementRow).order_by(ElementRow.name)):
        leaf = Leaf(row.name, row.platform, row.role, row.administrative, counts.get(row.id, 0))
        elements.setdefault(row.site_id, []).append(leaf)
    children: dict[str | None, list[SiteRow]] = {}
    for site in session.scalars(select(SiteRow).order_by(SiteRow.name)):
        children.setdefault(site.parent_id, []).append(site)

    def branch(site: SiteRow) -> Branch:
        below = tuple(branch(child) for child in children.get(site.id, ()))
        return Branch(site.name, below, tuple(elements.get(site.id, ())))

    return tuple(branch(site) for site in children.get(None, ()))
