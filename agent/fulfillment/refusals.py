"""What others refuse, in the order's terms: code, place, message and remedy."""

from collections.abc import Iterator
from dataclasses import replace

from agent.fulfillment.errors import Refusal
from agent.fulfillment.shared import Conflict, plain
from inventory.errors import InventoryError, PoolExhausted, PortInUse, UnknownObject, ValueNotInPool, ValueTaken, VlanInUse
from policies.errors import NotInCatalog, Refused

_INVENTORY_CODES: dict[type[InventoryError], str] = {
    PoolExhausted: "poolExhausted",
    PortInUse: "portInUse",
    ValueTaken: "valueTaken",
    VlanInUse: "vlanInUse",
    ValueNotInPool: "valueNotInPool",
    UnknownObject: "unknownObject",
}
_IN_A_SENTENCE = frozenset({"pattern", "format"})
"""Rules whose messages are the author's own words: a semicolon in them is one that may be written."""
_REMEDIES = {"required": "add it", "pattern": "write it like that", "format": "write it like that"}


def of_catalog(error: NotInCatalog, where: str) -> Refusal:
    known = f"use one of {', '.join(error.known)}" if error.known else "install one"
    return Refusal("unknownSpecification", f"{where}/specification", f"there is no specification {error.name!r}", known)


def of_policy(error: Refused, where: str) -> Iterator[Refusal]:
    """Where a rule knows a remedy, its message ends with it after a semicolon."""
    for refusal in error.refusals:
        place = f"{where}/characteristics{refusal.pointer}"
        code = "unsupportedFeature" if refusal.rule == "feature" else "invalidCharacteristic"
        name = refusal.pointer.removeprefix("/") or "characteristics"
        message, _, remedy = ("", "", "") if refusal.rule in _IN_A_SENTENCE else refusal.message.rpartition("; ")
        if not message:
            message, remedy = refusal.message, _REMEDIES.get(refusal.rule, f"correct it (rule: {refusal.rule})")
        yield Refusal(code, place, f"{name}: {message}", remedy)


def of_inventory(error: InventoryError, where: str) -> Refusal:
    """The inventory's messages end with their own remedy after a semicolon."""
    message, _, remedy = str(error).partition("; ")
    code = next((code for kind, code in _INVENTORY_CODES.items() if isinstance(error, kind)), "inventory")
    return Refusal(code, where, message, remedy or "see `fabd inventory show`")


def of_port(error: PortInUse, where: str, leaving: str) -> Refusal:
    """`leaving`: the item of the same order that deletes the service that has the port; "" without."""
    refusal = of_inventory(error, where)
    if not leaving:
        return refusal
    remedy = f"item {leaving} deletes that service: say that this item reliesOn item {leaving}, or bundle the two"
    return replace(refusal, remedy=remedy)


def of_customer(number: str, meant: str | None) -> Refusal:
    """`meant`: the account number of the customer whose external id was given instead."""
    message = f"there is no customer with account number {number!r}"
    remedy = f"it is the external id of account {meant}; give that number" if meant else "list them with `fabd customer list`"
    return Refusal("unknownCustomer", "/customer", message, remedy)


def of_external_id(external_id: str, order_id: str) -> Refusal:
    message = f"order {order_id} has the external id {external_id!r} and says something else"
    return Refusal("externalIdConflict", "/externalId", message, "give the new order an external id of its own")


def of_service(service_id: str, customer: str, where: str) -> Refusal:
    message = f"customer {customer} has no service {service_id!r}"
    return Refusal("unknownService", where, message, "name one of the customer's services")


def of_other_specification(service_id: str, specification: str, where: str) -> Refusal:
    message = f"service {service_id} is of specification {specification!r}, and a modify cannot make it another"
    return Refusal("specificationChange", f"{where}/specification", message, "add a service of the other, then delete this one")


def of_conflict(conflict: Conflict, where: str) -> Refusal:
    place = plain(conflict.place)
    message = f"{conflict.element}: {place} can only hold one value, and service {conflict.service_id} has another there"
    remedy = "order the same value, or change that service first"
    return Refusal("valueConflict", where, f"{message} than {conflict.value!r}", remedy)


def of_state(service_id: str, state: str, action: str, where: str) -> Refusal:
    message = f"service {service_id} is {state} and cannot be the object of {action}"
    remedy = "it is gone already" if state == "terminated" else "wait until it is active"
    return Refusal("serviceState", where, message, remedy)


def of_busy(service_id: str, order_id: str, where: str) -> Refusal:
    message = f"service {service_id} is being changed by order {order_id}"
    return Refusal("serviceBusy", where, message, "wait until that order has ended")


def of_locked(element: str, where: str) -> Refusal:
    remedy = "have it unlocked, or order a start for when it will be"
    return Refusal("elementLocked", where, f"{element} is locked by an operator, and nothing is configured on it", remedy)


def of_data(error: Exception, where: str) -> Refusal:
    """A specification's template, a platform's data or the inventory is broken: the operator's to mend, not the client's."""
    remedy = "have the inventory or the specification corrected (`fabd config check` names mistakes of the latter)"
    return Refusal("brokenData", where, str(error), remedy)
