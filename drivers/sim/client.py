"""A client of the control API."""

from types import TracebackType
from typing import Self, cast

import httpx

from drivers.sim.errors import ControlError
from drivers.sim.faults import FaultKind, Phase

TIMEOUT = 10.0

Plain = dict[str, object]
"""A JSON object."""


class SimControl:
    """Every method raises ControlError with the network's own words, or httpx.TransportError when nobody is there."""

    def __init__(self, url: str, transport: httpx.BaseTransport | None = None) -> None:
        self._http = httpx.Client(base_url=url, timeout=TIMEOUT, transport=transport, trust_env=False)

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    # -- looking

    def elements(self) -> list[Plain]:
        return cast("list[Plain]", self._ask("GET", "/elements").json())

    def element(self, name: str) -> Plain:
        return cast("Plain", self._ask("GET", f"/elements/{name}").json())

    def links(self) -> list[Plain]:
        return cast("list[Plain]", self._ask("GET", "/links").json())

    def traffic(self) -> list[Plain]:
        return cast("list[Plain]", self._ask("GET", "/traffic").json())

    def inventory(self) -> Plain:
        return cast("Plain", self._ask("GET", "/inventory").json())

    def known_hosts(self) -> str:
        return self._ask("GET", "/known-hosts").text

    # -- links, ports, traffic

    def cut(self, link: str) -> None:
        self._ask("PUT", "/links", {"link": link, "cut": True})

    def restore(self, link: str) -> None:
        self._ask("PUT", "/links", {"link": link, "cut": False})

    def shut(self, element: str, port: str) -> None:
        self._ask("PUT", f"/elements/{element}/ports", {"port": port, "enabled": False})

    def no_shut(self, element: str, port: str) -> None:
        self._ask("PUT", f"/elements/{element}/ports", {"port": port, "enabled": True})

    def plug(self, element: str, port: str, *, plugged: bool) -> None:
        self._ask("PUT", f"/elements/{element}/ports", {"port": port, "plugged": plugged})

    def lose(self, element: str, port: str, fraction: float) -> None:
        self._ask("PUT", f"/elements/{element}/ports", {"port": port, "loss": fraction})

    def attenuate(self, element: str, port: str, db: float) -> None:
        self._ask("PUT", f"/elements/{element}/ports", {"port": port, "attenuation_db": db})

    def hold_session(self, element: str, neighbour: str, *, held: bool) -> None:
        self._ask("PUT", f"/elements/{element}/sessions", {"neighbour": neighbour, "held": held})

    def set_traffic(self, name: str, bps: float, reverse_bps: float | None = None) -> None:
        self._ask("PUT", "/traffic", {"name": name, "bps": bps, "reverse_bps": reverse_bps})

    # -- misfortunes

    def inject(
        self,
        element: str,
        kind: FaultKind,
        *,
        phase: Phase = Phase.ANY,
        message: str = "refused by fault injection",
        seconds: float = 0.0,
        times: int | None = 1,
    ) -> int:
        """Arm a fault; returns its id for `clear`. `times` None means until cleared."""
        order = {"kind": kind, "phase": phase, "message": message, "seconds": seconds, "times": times}
        return int(self._ask("POST", f"/elements/{element}/faults", order).json()["id"])

    def faults(self, element: str) -> list[Plain]:
        return cast("list[Plain]", self._ask("GET", f"/elements/{element}/faults").json())

    def clear(self, element: str, fault: int | None = None) -> None:
        query = "" if fault is None else f"?fault={fault}"
        self._ask("DELETE", f"/elements/{element}/faults{query}")

    def reboot(self, element: str, seconds: float = 0.0) -> None:
        self._ask("POST", f"/elements/{element}/reboot", {"seconds": seconds})

    def reset_counters(self, element: str) -> None:
        self._ask("POST", f"/elements/{element}/reset-counters")

    def flap(self, element: str, port: str, times: int, period: float) -> None:
        self._ask("POST", f"/elements/{element}/flap", {"port": port, "times": times, "period": period})

    def _ask(self, method: str, path: str, body: dict[str, object] | None = None) -> httpx.Response:
        response = self._http.request(method, path, json=body)
        if response.is_error:
            raise ControlError(response.status_code, _detail(response))
        return response


def _detail(response: httpx.Response) -> str:
    try:
        return str(response.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return response.text
