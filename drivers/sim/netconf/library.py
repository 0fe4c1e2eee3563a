"""What the server says about itself: capabilities of `<hello>` and the YANG library (RFC 7895)."""

from drivers.sim.netconf.names import MODULES, NC, YANG_LIBRARY, Element, new, q, sub

BASE_1_0 = "urn:ietf:params:netconf:base:1.0"
BASE_1_1 = "urn:ietf:params:netconf:base:1.1"

CAPABILITIES = (
    BASE_1_0,
    BASE_1_1,
    "urn:ietf:params:netconf:capability:writable-running:1.0",
    "urn:ietf:params:netconf:capability:candidate:1.0",
    "urn:ietf:params:netconf:capability:confirmed-commit:1.1",
    "urn:ietf:params:netconf:capability:rollback-on-error:1.0",
    "urn:ietf:params:netconf:capability:validate:1.0",
    "urn:ietf:params:netconf:capability:validate:1.1",
    "urn:ietf:params:netconf:capability:startup:1.0",
    "urn:ietf:params:netconf:capability:notification:1.0",
    "urn:ietf:params:netconf:capability:interleave:1.0",
    f"urn:ietf:params:netconf:capability:yang-library:1.0?revision=2016-06-21&module-set-id={len(MODULES)}",
    *(f"{namespace}?module={name}&revision={revision}" for name, (namespace, revision) in MODULES.items()),
)


def hello(session_id: int) -> Element:
    message = new(q(NC, "hello"))
    capabilities = sub(message, "capabilities")
    for uri in CAPABILITIES:
        sub(capabilities, "capability", uri)
    sub(message, "session-id", str(session_id))
    return message


def modules_state() -> Element:
    state = new(q(YANG_LIBRARY, "modules-state"))
    sub(state, "module-set-id", str(len(MODULES)))
    for name, (namespace, revision) in MODULES.items():
        module = sub(state, "module")
        sub(module, "name", name)
        sub(module, "revision", revision)
        sub(module, "namespace", namespace)
        sub(module, "conformance-type", "implement")
    return state
