"""What is under way when the daemon is killed, and where it is killed: every point of the journal that the way leads through."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

from drivers.sim.faults import Fault, FaultKind, Phase
from drivers.sim.netconf.datastore import Datastores, Target
from drivers.sim.netconf.locks import Who
from drivers.sim.network import SimNetwork
from tests.agent.chaos.client import WORDS, Client, Order, everywhere, modify, of_each
from tests.agent.installation import Process, add, delete

Script = tuple[str, ...]
"""`die …` and `wait …`, see `fate`."""

POINTS = ("take", "hold", "stage", "commit", "decide", "confirm", "activate")
WAY = tuple(f"{when} {point}" for point in POINTS for when in ("before", "after"))
"""Of a plan that nothing disturbs."""
UNDECIDED = frozenset(WAY[WAY.index("after stage") : WAY.index("after decide")])
"""The network may have changed and nobody has decided to keep it: it goes back. Before, the plan begins again."""


@dataclass(frozen=True, slots=True)
class Death:
    """Where daemons die, one after the other, and how the order ends that they were at."""

    script: Script
    end: str

    @property
    def checkpoints(self) -> tuple[str, ...]:
        return tuple(line.removeprefix("die ") for line in self.script if line.startswith("die "))

    @property
    def wait(self) -> str:
        return next((line for line in self.script if line.startswith("wait ")), "")


def along_the_way(held: str = "completed", undone: str = "failed") -> Iterator[Death]:
    for checkpoint in WAY:
        yield Death((f"die {checkpoint}",), undone if checkpoint in UNDECIDED else held)


def around(point: str, end: str, *first: str) -> tuple[Death, ...]:
    return tuple(Death((*first, f"die {when} {point}"), end) for when in ("before", "after"))


def nothing_else(network: SimNetwork) -> None:
    del network


def no_word(client: Client, process: Process, order: Order) -> None:
    del client, process, order


@dataclass(frozen=True, slots=True)
class Scenario:
    name: str
    prepare: Callable[[Client, Process], None]
    """Makes what the order needs."""
    items: Callable[[Client], list[Order]]
    deaths: tuple[Death, ...] = field(default_factory=lambda: tuple(along_the_way()))
    before: Callable[[SimNetwork], object] = nothing_else
    """Done to the elements before the order is sent."""
    meanwhile: Callable[[Client, Process, Order], object] = no_word
    """While the daemon waits where the script says."""
    after: Callable[[SimNetwork], object] = nothing_else
    """Done to the elements once the last daemon has died."""
    redeploys: int | None = None
    """Which of the services is redeployed instead of an order."""
    settings: str = ""
    troubled: bool = False
    """The daemon may say that something is wrong."""


# -- what is there before ----------------------------------------------------------------------------------------------


def nothing(client: Client, process: Process) -> None:
    if client.services:
        client.done(process, *of_each(delete, client.services))


def services(client: Client, process: Process) -> None:
    if not client.services:
        client.done(process, *everywhere(client.words))
    if client.suspended:
        client.done(process, *rest(client, "active"))


def suspended(client: Client, process: Process) -> None:
    services(client, process)
    client.done(process, *rest(client, "inactive"))


def drifted(client: Client, process: Process, *, of: tuple[str, ...]) -> None:
    """Somebody has changed by hand what the services have on these elements."""
    services(client, process)
    client.installation.sim.call(change_by_hand, of)


def change_by_hand(network: SimNetwork, elements: tuple[str, ...]) -> None:
    for element in elements:
        state = network.elements[element].state
        for name in [each for each, interface in state.interfaces.items() if interface.ipv4]:
            state.describe(name, "by hand")
        for vlan in [each for each in state.vlans if each != 1]:
            del state.vlans[vlan]
            for port in state.ports.values():
                port.pvid = 1 if port.pvid == vlan else port.pvid
        state.changed()


# -- what is ordered ---------------------------------------------------------------------------------------------------


def rest(client: Client, state: str) -> list[Order]:
    return of_each(lambda reference, service: modify(reference, service, state=state), client.services)


def other_words(client: Client) -> list[Order]:
    client.words = WORDS[WORDS.index(client.words) - 1]
    return of_each(lambda reference, service: modify(reference, service, description=client.words), client.services)


def gone(client: Client) -> list[Order]:
    return of_each(delete, client.services)


def all_of_them(client: Client) -> list[Order]:
    return everywhere(client.words)


def just(item: Order, client: Client) -> list[Order]:
    del client
    return [item]


def no_items(client: Client) -> list[Order]:
    del client
    return []


ADDED: dict[str, Order] = {
    "add, NETCONF": add("1", port="pe1/ge-0/0/1", description="Head office"),
    "add, command line with confirmed commits": add("1", port="pe3/Ethernet1", description="Head office"),
    "add, plain command line": add("1", port="pe2/Gi0/1", description="Head office"),
    "add, SNMP": add("1", "l2-eline", a="sw1/1", b="sw1/2"),
}
REDEPLOYED = {"NETCONF": ("pe1",), "plain command line and SNMP": ("pe2", "sw1"), "command line with confirmed commits": ("pe3",)}
"""By the service that has them."""


SOMEBODY = Who(4711, "noc", "192.0.2.1")

# -- what happens meanwhile --------------------------------------------------------------------------------------------


def faulty(network: SimNetwork, *, element: str, kind: FaultKind, phase: Phase, times: int | None = None) -> None:
    network.elements[element].faults.inject(Fault(kind, phase, times=times))


def mended(network: SimNetwork) -> None:
    for name, element in network.elements.items():
        element.faults.clear()
        network.isolate(name, isolated=False)
    network.plug("pe1", "ge-0/0/1", plugged=True)


def unplugged(network: SimNetwork) -> None:
    network.plug("pe1", "ge-0/0/1", plugged=False)


def locked(network: SimNetwork) -> None:
    datastores_of(network).locks.take(Target.CANDIDATE, SOMEBODY)


def unlocked(network: SimNetwork) -> None:
    datastores_of(network).session_ended(SOMEBODY)


def datastores_of(network: SimNetwork) -> Datastores:
    netconf = network.elements["pe1"]._netconf
    assert netconf
    return netconf._stores


def cancelled(client: Client, process: Process, order: Order) -> None:
    client.cancel(process, order)


def cut_off(client: Client, process: Process, order: Order) -> None:
    del process, order
    client.installation.sim.call(SimNetwork.isolate, "pe2")


# -- where it is killed besides ----------------------------------------------------------------------------------------

CALLED_OFF = (
    *(Death(("wait after hold", f"die {where}"), "cancelled") for where in ("before stage", "before cancel", "after cancel")),
    *(Death(("wait after stage", f"die {where}"), "cancelled") for where in ("before commit", "after commit")),
    *(
        Death(("wait after commit", f"die {where}"), "cancelled")
        for where in ("before decide", "after decide", "before undone", "after undone")
    ),
    *(
        Death(("wait after decide", f"die {where}"), "cancelled")
        for where in (*WAY[WAY.index("before confirm") :], "before take", "after take", "before hold", "after hold", "before stage")
    ),
    *(Death(("wait after decide", "die before take", f"die {where}"), "completed") for where in ("after stage", "before decide")),
    *(
        Death(("wait after decide", "die before take", "die after decide", f"die {where}"), "cancelled")
        for where in ("before confirm", "before activate", "after activate")
    ),
)
"""The order is cancelled while it waits there. Once it is decided, an order of fabd's own undoes what was done; when that one is
killed so that it is undone itself, the services stay."""
AGAIN = (
    *(
        Death(("die after hold", f"die {where}"), "failed" if where in UNDECIDED else "completed")
        for where in ("before take", "after take", "before hold", "after stage", "before decide", "after decide")
    ),
    *(death for point in ("take", "regain", "reconnect", "undone") for death in around(point, "failed", "die after commit")),
    *(
        death
        for point in ("take", "regain", "reconnect", "confirm", "activate")
        for death in around(point, "completed", "die after decide")
    ),
    Death(("die after commit", "die before regain", "die after reconnect", "die before undone"), "failed"),
    Death(("die after decide", "die after regain", "die before confirm", "die before activate"), "completed"),
)
"""The second death hits the daemon that makes good after the first, and so on."""
IMPATIENT = """
[fulfillment]
connect_timeout_s = 3
stage_timeout_s = 3
commit_timeout_s = 3
verify_timeout_s = 3
finish_timeout_s = 3
"""

SCENARIOS = (
    *(Scenario(name, nothing, partial(just, item)) for name, item in ADDED.items()),
    Scenario("add, all of them", nothing, all_of_them),
    Scenario("modify, all of them", services, other_words),
    Scenario("suspend, all of them", services, partial(rest, state="inactive")),
    Scenario("resume, all of them", suspended, partial(rest, state="active")),
    Scenario("delete, all of them", services, gone),
    *(
        Scenario(f"redeploy, {name}", partial(drifted, of=of), no_items, tuple(along_the_way("done")), redeploys=index)
        for index, (name, of) in enumerate(REDEPLOYED.items())
    ),
    Scenario("cancelled on its way", nothing, all_of_them, CALLED_OFF, meanwhile=cancelled),
    Scenario("killed again while it makes good", nothing, all_of_them, AGAIN),
    Scenario("a port does not come up", nothing, all_of_them, around("verify", "failed"), before=unplugged, after=mended),
    Scenario(
        "an element hangs up as it is asked",
        nothing,
        all_of_them,
        around("pause", "completed"),
        before=partial(faulty, element="pe1", kind="disconnect", phase=Phase.EDIT, times=1),
        after=mended,
    ),
    Scenario(
        "an element refuses",
        nothing,
        all_of_them,
        # the next daemon is not refused any more: nothing had been written of it, so it begins anew
        (Death(("die before refuse",), "completed"), Death(("die after refuse",), "failed")),
        before=partial(faulty, element="pe1", kind="refuse", phase=Phase.EDIT),
        after=mended,
    ),
    Scenario(
        "somebody else has the lock",
        nothing,
        all_of_them,
        around("remark", "completed"),
        before=locked,
        after=unlocked,
    ),
    Scenario(
        "an element is cut off after the decision",
        nothing,
        all_of_them,
        around("doubt", "completed", "wait after decide"),
        meanwhile=cut_off,
        after=mended,
        settings=IMPATIENT,
        troubled=True,
    ),
    Scenario(
        "an element is cut off before the decision",
        nothing,
        all_of_them,
        around("doubt", "failed", "wait after commit"),
        meanwhile=cut_off,
        after=mended,
        settings=IMPATIENT,
        troubled=True,
    ),
)
