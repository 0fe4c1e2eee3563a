"""What a whole configuration has to satisfy before it may run (RFC 7950, 8.1): mandatory nodes. Pure."""

from collections.abc import Iterator

from drivers.sim.netconf import schema
from drivers.sim.netconf.errors import RpcError
from drivers.sim.netconf.names import Element, local, prefixed
from drivers.sim.netconf.payload import step
from drivers.sim.netconf.schema import Inner


def validate(config: Element) -> list[RpcError]:
    """All violations, in document order; empty when the configuration is valid."""
    return list(_violations(config, schema.ROOT, ""))


def _violations(parent: Element, node: Inner, path: str) -> Iterator[RpcError]:
    present = {child.tag for child in parent}
    for leaf in schema.leaves(node):
        if leaf.tag in present:
            continue
        if leaf.mandatory:
            message = f"{local(node.tag)} lacks its mandatory {local(leaf.tag)}"
            info = (("bad-element", local(leaf.tag)),)
            yield RpcError("missing-element", message, path=f"{path}/{prefixed(leaf.tag)}", info=info)
        elif leaf.choice:
            message = f"{local(node.tag)} lacks {local(leaf.tag)} (mandatory choice {leaf.choice})"
            info = (("missing-choice", leaf.choice),)
            yield RpcError("data-missing", message, path=path, app_tag="missing-choice", info=info)
    for child in parent:
        kind = node.children[child.tag]
        if isinstance(kind, Inner):
            yield from _violations(child, kind, path + step(child, kind))
