"""schemathesis against a daemon of its own, over a simulated network, for a bounded time."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.agent.installation import ORDERS, Installation, add, eventually, simulated_network

RESOURCES = "/tmf-api/resourceInventoryManagement/v4"

CHECKS = ("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance")
MORE = """
[polling]
interval_s = 86400
"""
GRACE_S = 300.0
"""For the daemon to start and for the last requests to be answered, beside the time that was given."""


@dataclass(frozen=True, slots=True)
class Report:
    code: int
    """0 when every answer was as the document promises."""
    text: str
    log: str
    """Of the daemon."""


def fuzz(seconds: int, *, seed: int, only: str = "") -> Report:
    """`only`: a regular expression for paths."""
    with (
        tempfile.TemporaryDirectory() as folder,
        simulated_network(2, Path(folder) / "keys") as sim,
        Installation(Path(folder) / "fabd", sim, more=MORE) as installation,
        installation.running() as process,
        installation.client(process) as http,
    ):
        eventually(lambda: http.get("/-/ready").status_code == 200)
        known = _something(installation, http)
        (Path(folder) / "schemathesis.toml").write_text(_settings(known))
        done = subprocess.run(
            [*_command(process.url, installation.token, seconds, seed), *(["--include-path-regex", only] if only else [])],
            capture_output=True,
            text=True,
            timeout=seconds + GRACE_S,
            check=False,
            cwd=folder,
            env={**os.environ, "NO_COLOR": "1", "COLUMNS": "160"},
        )
        assert http.get("/-/ready").status_code == 200, f"the daemon is not well any more:\n{process.log[-5000:]}"
        return Report(done.returncode, done.stdout + done.stderr, process.log)


def _something(installation: Installation, http: httpx.Client) -> dict[str, str]:
    """Names of what is there, by the parameter that takes them: of made-up names most would only be told that they are unknown."""
    order = http.post(ORDERS, json=installation.order(add("1", port="pe1/ge-0/0/1"))).json()
    eventually(lambda: http.get(order["href"]).json()["state"] == "completed")
    return {
        "order_id": order["id"],
        "service_id": order["serviceOrderItem"][0]["service"]["id"],
        "plan_id": http.get(f"/api/v1/orders/{order['id']}/plans").json()[0]["id"],
        "object_id": order["id"],
        "account_number": installation.operator.account,
        "resource_id": http.get(f"{RESOURCES}/resource", params={"name": "pe1"}).json()[0]["id"],
        "servicespecification_id": "internet-access",
    }


def _settings(known: Mapping[str, str]) -> str:
    """Of schemathesis."""
    return "[parameters]\n" + "".join(f'"path.{name}" = "{value}"\n' for name, value in known.items())


def _command(url: str, token: str, seconds: int, seed: int) -> list[str]:
    return [
        str(Path(sys.executable).with_name("schemathesis")),
        "run",
        f"{url}/openapi.json",
        *("--header", f"Authorization: Bearer {token}"),
        *("--checks", ",".join(CHECKS)),
        *("--phases", "examples,coverage,fuzzing"),
        *("--max-time", str(seconds)),
        *("--seed", str(seed)),
        *("--request-timeout", "60"),
        *("--workers", "1"),  # with several, CPython 3.11 counts its recursion wrong while schemathesis parses (gh-106905)
        *("--generation-database", "none"),
        "--continue-on-failure",
        "--no-color",
    ]
