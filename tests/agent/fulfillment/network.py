"""A small operator: a network of real platforms in the inventory, one customer, and orders."""

from functools import cache

from agent.catalog import load_catalog
from agent.fulfillment.designer import Designer
from agent.fulfillment.events import Announcer
from agent.fulfillment.orders import OrderDesk
from agent.fulfillment.requests import ItemRequest, OrderRequest, Related
from agent.fulfillment.settings import FulfilmentSettings
from crm_bridge.agreements import AgreementTerms, agree
from crm_bridge.customers import CustomerData, create_customer
from drivers.platform import load_platform, platforms
from inventory.importer import import_document
from inventory.source import Source
from inventory.work import DatabaseQueue
from policies.catalog import Catalog

CLIENT = "portal"
REALISES = {name: load_platform(name).realises for name in platforms()}


def ports(names, role="customer", start=1):
    return [{"name": name, "if_index": start + n, "speed_bps": 1_000_000_000, "role": role} for n, name in enumerate(names)]


DOCUMENT = {
    "sites": [{"name": "lab"}],
    "elements": [
        {"name": "pe1", "site": "lab", "platform": "ietf", "role": "edge", "ports": ports(["ge-0/0/0", "ge-0/0/1"])},
        {
            "name": "pe2",
            "site": "lab",
            "platform": "ios",
            "role": "edge",
            "attributes": {"bgp_as": 65000},
            "ports": [*ports(["Gi0/1", "Gi0/2"]), *ports(["Gi0/3"], "core", 3)],
        },
        {"name": "pe3", "site": "lab", "platform": "frr", "role": "edge", "ports": ports(["eth1"])},
        {
            "name": "sw1",
            "site": "lab",
            "platform": "qbridge",
            "role": "access",
            "ports": [*ports(["1", "2"]), *ports(["up1", "up2"], "core", 3)],
        },
        {
            "name": "sw2",
            "site": "lab",
            "platform": "qbridge",
            "role": "access",
            "ports": [*ports(["1", "2"]), *ports(["up1"], "core", 3)],
        },
    ],
    "links": [{"name": "sw1-pe2", "a": "sw1/up1", "b": "pe2/Gi0/3"}, {"name": "sw1-sw2", "a": "sw1/up2", "b": "sw2/up1"}],
    "pools": [
        {"name": "ipv4-links", "kind": "ipv4-prefix", "prefix": "10.0.0.0/29", "length": 31, "quarantine_s": 60},
        {"name": "ipv6-links", "kind": "ipv6-prefix", "prefix": "2001:db8::/64", "length": 127},
        {"name": "vlan-access", "kind": "vlan", "ranges": [[100, 199]]},
        {"name": "vlan-eline", "kind": "vlan", "ranges": [[200, 299]]},
        {"name": "rd", "kind": "rd", "administrator": 65000},
        {"name": "rt", "kind": "rt", "administrator": 65000},
    ],
}

SHARED_RANGE = DOCUMENT | {
    "pools": [pool | {"ranges": [[100, 299]]} if pool["kind"] == "vlan" else pool for pool in DOCUMENT["pools"]]
}
"""Two pools that may give the same VLAN: right for networks apart, wrong on one switch."""


@cache
def shipped() -> Catalog:
    """Nothing of it ever changes, and reading it takes longer than most tests."""
    return load_catalog()


class Operator:
    def __init__(self, database, clock, document=DOCUMENT) -> None:
        self.database, self.clock = database, clock
        self.queue = DatabaseQueue(database)
        self.catalog = shipped()
        self.settings = FulfilmentSettings()
        with database.write() as session:
            import_document(session, Source.of_data(document, "network.yaml"), at=clock.now(), platforms=platforms())
            customer = create_customer(session, CustomerData("Acme"), clock.now())
            terms = AgreementTerms("standard", "silver", "business-internet")
            agree(session, customer, terms, since=clock.now(), at=clock.now())
            self.account = customer.account_number

    @property
    def desk(self) -> OrderDesk:
        return OrderDesk(Designer(self.catalog, load_platform, REALISES), self.queue, Announcer(), self.settings)

    def request(self, *items, **options) -> OrderRequest:
        return OrderRequest(**({"customer": self.account, "items": items} | options))

    def place(self, *items, client=CLIENT, **options):
        with self.database.write() as session:
            return self.desk.place(session, self.request(*items, **options), client, self.clock.now())


def internet(reference="1", port="pe1/ge-0/0/1", related=(), **characteristics) -> ItemRequest:
    wanted = characteristics if "accessPort" in characteristics else {"port": port} | characteristics
    return ItemRequest(reference, "add", "internet-access", characteristics=wanted, related=tuple(Related(*one) for one in related))


def eline(reference="1", a="sw1/1", b="sw2/1", related=(), **characteristics) -> ItemRequest:
    wanted = {"a": a, "b": b} | characteristics
    return ItemRequest(reference, "add", "l2-eline", characteristics=wanted, related=tuple(Related(*one) for one in related))


def delete(service_id, reference="1") -> ItemRequest:
    return ItemRequest(reference, "delete", service_id=service_id)
