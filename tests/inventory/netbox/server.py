"""A small NetBox: the list endpoints that fabd reads, with pages, tokens and the shapes of two generations of its API."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

TOKEN = "0123456789abcdef0123456789abcdef01234567"
PATHS = {
    "/api/dcim/sites/": "sites",
    "/api/dcim/devices/": "devices",
    "/api/dcim/interfaces/": "interfaces",
    "/api/dcim/cables/": "cables",
    "/api/ipam/vlan-groups/": "vlan_groups",
    "/api/ipam/vlans/": "vlans",
    "/api/ipam/prefixes/": "prefixes",
}


def ref(number: int, name: str, slug: str | None = None) -> dict[str, Any]:
    url = f"http://netbox.example/api/x/{number}/"
    return {"id": number, "url": url, "display": name, "name": name, "slug": slug or name.lower().replace(" ", "-")}


def choice(value: str) -> dict[str, str]:
    return {"value": value, "label": value.title()}


def device(
    number: int, name: str | None, *, platform: str, role: str, ip: str | None, old: bool = False, **more: Any
) -> dict[str, Any]:
    made = {
        "id": number,
        "name": name,
        "device_type": {"id": 1, "model": "X"},
        "device_role" if old else "role": ref(1, role, role),
        "platform": ref(2, platform, platform),
        "site": ref(1, "Ghent"),
        "status": choice("active"),
        "primary_ip": {"id": 1, "address": ip, "family": {"value": 4, "label": "IPv4"}} if ip else None,
        "tags": [],
        "custom_fields": {},
        "config_context": {},
    }
    return made | more


def interface(number: int, device_name: str, name: str, **more: Any) -> dict[str, Any]:
    made = {
        "id": number,
        "device": {"id": 1, "url": "http://netbox.example/api/dcim/devices/1/", "display": device_name, "name": device_name},
        "name": name,
        "type": choice("10gbase-x-sfpp"),
        "enabled": True,
        "mgmt_only": False,
        "speed": 10_000_000,
        "tags": [],
        "custom_fields": {},
        "cable": None,
        "link_peers": [],
        "connected_endpoints": None,
        "connected_endpoints_type": None,
    }
    return made | more


def _end(device_name: str, name: str, number: int) -> dict[str, Any]:
    return {"id": number, "device": {"id": 1, "name": device_name, "display": device_name}, "name": name, "cable": 1}


def cable(number: int, a: tuple[str, str], b: tuple[str, str], *, status: str = "connected", old: bool = False) -> dict[str, Any]:
    made: dict[str, Any] = {"id": number, "type": None, "status": choice(status), "label": ""}
    for side, (device_name, name) in (("a", a), ("b", b)):
        end = _end(device_name, name, number)
        if old:
            made |= {f"termination_{side}_type": "dcim.interface", f"termination_{side}_id": number, f"termination_{side}": end}
        else:
            made[f"{side}_terminations"] = [{"object_type": "dcim.interface", "object_id": number, "object": end}]
    return made


def prefix(number: int, text: str, status: str, **more: Any) -> dict[str, Any]:
    return {"id": number, "prefix": text, "status": choice(status), "vrf": None, "role": None, "custom_fields": {}} | more


def network(*, old: bool = False) -> dict[str, list[dict[str, Any]]]:
    """Two routers and a switch at one site; `old`: as NetBox 3.2 writes them."""
    group = ref(1, "Access VLANs", "access-vlans") | {"custom_fields": {"fabd_pool": "vlan-access"}}
    return {
        "sites": [ref(1, "Ghent") | {"status": choice("active"), "physical_address": "Kouter 1\r\n9000 Ghent"}, ref(2, "Empty")],
        "devices": [
            device(11, "pe1", platform="cisco-ios", role="provider-edge", ip="192.0.2.1/32", old=old),
            device(12, "pe2", platform="frr", role="edge", ip="192.0.2.2/32", old=old),
            device(13, "sw1", platform="qbridge", role="access", ip="192.0.2.3/24", old=old),
            device(14, "pdu1", platform="apc", role="power", ip="192.0.2.4/24", old=old),
            device(15, "pe9", platform="frr", role="edge", ip=None, old=old) | {"status": choice("planned")},
            device(16, "my router", platform="frr", role="edge", ip=None, old=old),
        ],
        "interfaces": [
            interface(1, "pe1", "Gi0/0"),
            interface(2, "pe1", "Gi0/1", tags=[ref(1, "customer")], speed=1_000_000),
            interface(3, "pe1", "Gi0/2", mgmt_only=True, speed=None),
            interface(4, "pe1", "Loopback0", type=choice("virtual")),
            interface(5, "pe2", "eth0"),
            interface(6, "pe2", "eth1", custom_fields={"fabd_role": "core"}),
            interface(7, "sw1", "1", connected_endpoints=[_end("pe2", "eth1", 6)], connected_endpoints_type="dcim.interface"),
            interface(8, "sw1", "2"),
        ],
        "cables": [
            cable(1, ("pe1", "Gi0/0"), ("pe2", "eth0"), old=old),
            cable(2, ("pe1", "Gi0/1"), ("sw1", "2"), status="planned", old=old),
        ],
        "vlan_groups": [group | ({"min_vid": 100, "max_vid": 199} if old else {"vid_ranges": [[100, 199]]})],
        "vlans": [
            {"id": 1, "vid": 110, "name": "old-customer", "group": ref(1, "Access VLANs"), "status": choice("active")},
            {"id": 2, "vid": 900, "name": "elsewhere", "group": None, "status": choice("active")},
        ],
        "prefixes": [
            {
                "id": 1,
                "prefix": "100.64.0.0/16",
                "status": choice("container"),
                "role": ref(1, "customer-links"),
                "custom_fields": {},
            },
            {"id": 2, "prefix": "100.64.0.4/30", "status": choice("active"), "description": "old link", "custom_fields": {}},
            {"id": 3, "prefix": "192.0.2.0/24", "status": choice("active"), "custom_fields": {}},
        ],
    }


class FakeNetBox:
    """`trouble(path, attempt)` may answer a status instead, or an absolute address for the next page."""

    def __init__(self, content: dict[str, list[dict[str, Any]]], *, token: str = f"Token {TOKEN}", page: int = 3) -> None:
        self.content, self.calls = content, []
        self.trouble: Callable[[str, int], int | None] = lambda _path, _attempt: None
        self.next_host = ""
        attempts: dict[str, int] = {}
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                query = {key: values[0] for key, values in parse_qs(parts.query).items()}
                fake.calls.append(self.path)
                attempts[self.path] = attempts.get(self.path, 0) + 1
                if self.headers.get("Authorization") != token:
                    return self._answer(403, {"detail": "Invalid token"})
                if status := fake.trouble(parts.path, attempts[self.path]):
                    return self._answer(
                        status, {"detail": "trouble"}, {"Retry-After": "7", "Location": "http://elsewhere.example/"}
                    )
                if parts.path not in PATHS:
                    return self._answer(404, {"detail": "Not found."})
                return self._answer(200, self._page(parts.path, query))

            def _page(self, path: str, query: dict[str, str]) -> dict[str, Any]:
                every = fake.content[PATHS[path]]
                limit, offset = min(int(query.get("limit", 50)), page), int(query.get("offset", 0))
                more = offset + limit < len(every)
                host = fake.next_host or self.headers["Host"]
                following = f"http://{host}{path}?limit={limit}&offset={offset + limit}" if more else None
                return {"count": len(every), "next": following, "previous": None, "results": every[offset : offset + limit]}

            def _answer(self, status: int, body: object, headers: dict[str, str] | None = None) -> None:
                content = json.dumps(body).encode()
                self.send_response(status)
                for name, value in {
                    "Content-Type": "application/json",
                    "Content-Length": str(len(content)),
                    **(headers or {}),
                }.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join(60)
        self._server.server_close()
