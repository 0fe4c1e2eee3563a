"""The control API of a simulated network: look, break, repair. Loopback only, and no part of what is simulated."""

import asyncio
import contextlib
import ipaddress
from collections.abc import Awaitable, Callable
from dataclasses import asdict

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.middleware.trustedhost import TrustedHostMiddleware

from drivers.sim.element import SimElement
from drivers.sim.errors import PortInUse, SimError, UnknownObject
from drivers.sim.faults import Fault, FaultKind, Phase
from drivers.sim.inventory import Plain, inventory_document
from drivers.sim.network import SimNetwork

START_DEADLINE = 10.0
STOP_DEADLINE = 5.0


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PortChange(_Body):
    """What is left out stays as it is."""

    port: str
    enabled: bool | None = None
    plugged: bool | None = None
    loss: float | None = Field(None, ge=0, le=1)
    attenuation_db: float | None = Field(None, ge=0, le=60)


class SessionChange(_Body):
    """A BGP session between two elements of the mesh."""

    neighbour: str
    held: bool


class LinkChange(_Body):
    link: str
    cut: bool


class TrafficChange(_Body):
    name: str
    bps: float = Field(ge=0)
    reverse_bps: float | None = Field(None, ge=0)


class FaultOrder(_Body):
    kind: FaultKind
    phase: Phase = Phase.ANY
    message: str = "refused by fault injection"
    seconds: float = Field(0.0, ge=0, le=3600)
    times: int | None = Field(1, ge=1, description="null until cleared")


class FlapOrder(_Body):
    port: str
    times: int = Field(ge=1, le=1000)
    period: float = Field(gt=0, le=3600)


class RebootOrder(_Body):
    seconds: float = Field(0.0, ge=0, le=3600)


def control_app(network: SimNetwork, host: str = "127.0.0.1") -> FastAPI:
    """The routes, for the loop in which the network runs."""
    app = FastAPI(title=f"Simulated network {network.topology.name}", docs_url="/docs", redoc_url=None)
    # a page in somebody's browser must not reach it under a name of its own
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=[host, "localhost"])
    app.add_exception_handler(UnknownObject, _answer(404))
    app.add_exception_handler(SimError, _answer(409))
    app.add_exception_handler(ValueError, _answer(422))
    _add_views(app, network)
    _add_changes(app, network)
    _add_misfortunes(app, network)
    return app


class ControlServer:
    """Serves `control_app` from the loop that is running."""

    def __init__(self, network: SimNetwork) -> None:
        self._network = network
        self._server: uvicorn.Server | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self, host: str, port: int) -> str:
        """Returns the base URL; port 0 takes a free one. Raises PortInUse."""
        if not ipaddress.ip_address(host).is_loopback:
            raise SimError(f"the control API has no log-in and listens on loopback only; {host} is not loopback")
        config = uvicorn.Config(
            control_app(self._network, host), host=host, port=port, log_config=None, access_log=False, lifespan="off"
        )
        self._server = server = uvicorn.Server(config)
        self._task = asyncio.get_running_loop().create_task(_serve(server))
        async with asyncio.timeout(START_DEADLINE):
            while not server.started:
                if self._task.done():
                    raise PortInUse(f"cannot listen on {host} port {port}; choose another control port")
                await asyncio.sleep(0.01)
        address = server.servers[0].sockets[0].getsockname()
        return f"http://{host}:{address[1]}"

    async def stop(self) -> None:
        if self._server and self._task:
            self._server.should_exit = True
            await asyncio.wait({self._task}, timeout=STOP_DEADLINE)
            self._task.cancel()


async def _serve(server: uvicorn.Server) -> None:
    with contextlib.suppress(SystemExit):  # uvicorn's answer to a port that is taken
        await server.serve()


def _answer(status: int) -> Callable[[Request, Exception], Awaitable[JSONResponse]]:
    async def handler(_: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, status_code=status)

    return handler


def _add_views(app: FastAPI, network: SimNetwork) -> None:
    @app.get("/elements")
    async def elements() -> list[Plain]:
        return [_summary(element) for element in network.elements.values()]

    @app.get("/elements/{name}")
    async def element(name: str) -> Plain:
        return _dump(network.element(name))

    @app.get("/links")
    async def links() -> list[Plain]:
        return [
            {"name": link.name, "a": ":".join(link.a), "b": ":".join(link.b), "cut": link.cut} for link in network.links.values()
        ]

    @app.get("/traffic")
    async def traffic() -> list[Plain]:
        return [
            {**asdict(demand), "source": ":".join(demand.source), "sink": ":".join(demand.sink)}
            for demand in network.demands.values()
        ]

    @app.get("/inventory")
    async def inventory() -> Plain:
        return inventory_document(network)

    @app.get("/known-hosts", response_class=PlainTextResponse)
    async def known_hosts() -> str:
        return network.known_hosts()


def _add_changes(app: FastAPI, network: SimNetwork) -> None:
    @app.put("/links", status_code=204)
    async def change_link(change: LinkChange) -> None:
        (network.cut if change.cut else network.restore)(change.link)

    @app.put("/traffic", status_code=204)
    async def change_traffic(change: TrafficChange) -> None:
        network.set_demand(change.name, change.bps, change.reverse_bps)

    @app.put("/elements/{name}/ports", status_code=204)
    async def change_port(name: str, change: PortChange) -> None:
        if change.enabled is not None:
            network.set_admin(name, change.port, up=change.enabled)
        if change.plugged is not None:
            network.plug(name, change.port, plugged=change.plugged)
        if change.loss is not None:
            network.lose(name, change.port, change.loss)
        if change.attenuation_db is not None:
            network.attenuate(name, change.port, change.attenuation_db)

    @app.put("/elements/{name}/sessions", status_code=204)
    async def change_session(name: str, change: SessionChange) -> None:
        network.hold_session(name, change.neighbour, held=change.held)


def _add_misfortunes(app: FastAPI, network: SimNetwork) -> None:
    @app.get("/elements/{name}/faults")
    async def armed(name: str) -> list[Plain]:
        return [asdict(fault) for fault in network.element(name).faults.armed()]

    @app.post("/elements/{name}/faults", status_code=201)
    async def inject(name: str, order: FaultOrder) -> Plain:
        return asdict(network.element(name).faults.inject(Fault(**order.model_dump())))

    @app.delete("/elements/{name}/faults", status_code=204)
    async def clear(name: str, fault: int | None = None) -> None:
        network.element(name).faults.clear(fault)

    @app.post("/elements/{name}/reboot", status_code=202)
    async def reboot(name: str, order: RebootOrder) -> None:
        network.reboot(name, order.seconds)

    @app.post("/elements/{name}/reset-counters", status_code=204)
    async def reset_counters(name: str) -> None:
        network.element(name).faults.reset_counters()

    @app.post("/elements/{name}/flap", status_code=202)
    async def flap(name: str, order: FlapOrder) -> None:
        network.element(name).faults.flap(order.port, order.times, order.period)


def _summary(element: SimElement) -> Plain:
    return {
        "name": element.spec.name,
        "platform": element.spec.platform,
        "role": element.spec.role,
        "address": element.state.address,
        "endpoints": {protocol: asdict(endpoint) for protocol, endpoint in element.endpoints.items()},
        "reachable": element.state.reachable,
    }


def _dump(element: SimElement) -> Plain:
    """All of an element: its running configuration as text, its ports with counters, its VLANs."""
    state = element.state
    state.count()
    return {
        **_summary(element),
        "running": element.running_text(),
        "uptime": state.uptime() / 100,
        "ports": [{**asdict(port), "oper_up": port.oper_up, "receive_dbm": port.receive_dbm} for port in state.ports.values()],
        "vlans": [
            {**asdict(vlan), "egress": sorted(vlan.egress), "untagged": sorted(vlan.untagged)} for vlan in state.vlans.values()
        ],
    }
