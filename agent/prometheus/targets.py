"""What Prometheus is told to scrape, for its HTTP service discovery: always the full list, and `[]` when there is nothing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from agent.shard import Shard
from inventory.tables import ElementRow, EndpointRow, SiteRow

DAEMON, SERVICES, ELEMENTS = "/metrics", "/metrics/services", "/metrics/elements"
JOBS = {DAEMON: "fabd", SERVICES: "fabd-services", ELEMENTS: "fabd-elements"}


@dataclass(frozen=True, slots=True)
class Group:
    """Targets with the same labels; those that begin with `__` are for relabelling and dropped by Prometheus."""

    targets: list[str]
    labels: Mapping[str, str]


def of_this_daemon(address: str, scheme: str, shards: int = 1, only: Shard | None = None) -> Iterator[Group]:
    """Its three pages; numbers of elements as so many targets that are scraped beside each other.

    `only`: what one of several Prometheus servers scrapes; the first of them has the daemon's own and the services', too.
    """
    if only is None or only.number == 0:
        yield _page(address, scheme, DAEMON)
        yield _page(address, scheme, SERVICES)
    for shard in Shard.all_of(shards) if only is None else [only]:
        yield _page(address, scheme, ELEMENTS, shard)


def of_elements(session: Session, protocol: str, shard: Shard) -> Iterator[Group]:
    """Where elements are managed, for exporters of others (ping, snmp_exporter)."""
    columns = (ElementRow.name, ElementRow.platform, ElementRow.role, SiteRow.name, EndpointRow.host, EndpointRow.port)
    query = (
        select(*columns).join(EndpointRow, EndpointRow.element_id == ElementRow.id).join(SiteRow, SiteRow.id == ElementRow.site_id)
    )
    asked = query.where(EndpointRow.protocol == protocol).order_by(ElementRow.name, EndpointRow.host, EndpointRow.port)
    for element, platform, role, site, host, port in session.execute(asked):
        if element in shard:
            meta = {"platform": platform, "role": role, "site": site, "host": host}
            target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            yield Group([target], {"element": element} | {f"__meta_fabd_{name}": value for name, value in meta.items()})


def _page(address: str, scheme: str, path: str, shard: Shard | None = None) -> Group:
    labels = {"job": JOBS[path], "__scheme__": scheme, "__metrics_path__": path}
    if shard is not None and shard.of > 1:
        labels |= {"shard": str(shard), "__param_shard": str(shard)}  # seen, too: `up` of two targets must not be one series
    return Group([address], labels)
