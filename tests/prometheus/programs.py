"""Prometheus, promtool and Alertmanager as they come, on loopback, in a folder of the test's own."""

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

import httpx

from tests.loopback import own_address

HOST = own_address()
PATIENCE_S = 90.0
EVERY_S = 0.1
LAST_LETTERS = 2000  # of what a program said, when it does not do what it is to do
FOLDER = "FABD_TEST_PROMETHEUS"


def program(name: str) -> str:
    """In the folder that FABD_TEST_PROMETHEUS names, else in PATH. What is missing is a failure."""
    found = shutil.which(name, path=os.environ.get(FOLDER))
    assert found, f"{name} is missing; apt install prometheus prometheus-alertmanager, or name the folder that has it in {FOLDER}"
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def eventually(look: Callable[[], Any], what: str, seconds: float = PATIENCE_S) -> Any:
    """What `look` gives as soon as it is something; for what comes over sockets from programs that are not ours."""
    deadline = time.monotonic() + seconds
    while True:
        if found := look():
            return found
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s for {what}"
        time.sleep(EVERY_S)


class Server:
    """A program that answers HTTP; as a context it is up inside, and gone afterwards."""

    def __init__(self, command: Sequence[str], folder: Path, port: int) -> None:
        self.url = f"http://{HOST}:{port}"
        self._command, self._folder = command, folder
        self._log = folder / "log"
        self._process: subprocess.Popen[bytes] | None = None
        self._http = httpx.Client(base_url=self.url, timeout=PATIENCE_S, trust_env=False)

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(self._command, cwd=self._folder, stdout=log, stderr=log)
        try:
            eventually(self._ready, f"{self._command[0]} to be ready")
        except BaseException as error:
            error.add_note(self.log[-LAST_LETTERS:])
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process
        self._process.kill()
        self._process.wait(PATIENCE_S)
        self._http.close()

    def get(self, path: str, **parameters: str) -> Any:
        answer = self._http.get(path, params=parameters)
        assert answer.status_code == 200, f"{path} {parameters}: {answer.status_code} {answer.text}"
        return answer.json()

    @property
    def log(self) -> str:
        return self._log.read_text()

    def _ready(self) -> bool:
        assert self._process
        assert self._process.poll() is None, "it has ended"
        try:
            return self._http.get("/-/ready").is_success
        except httpx.TransportError:
            return False


class Prometheus(Server):
    def __init__(self, folder: Path, configuration: dict[str, Any], *flags: str, port: int = 0) -> None:
        folder.mkdir()
        (folder / "prometheus.yml").write_text(json.dumps(configuration))
        port = port or free_port()
        storage = ["--config.file=prometheus.yml", "--storage.tsdb.path=data", "--storage.tsdb.retention.time=1d"]
        super().__init__([program("prometheus"), *storage, f"--web.listen-address={HOST}:{port}", *flags], folder, port)

    def query(self, expr: str) -> list[dict[str, Any]]:
        """Of an instant query: label sets with their values."""
        found = self.get("/api/v1/query", query=expr)["data"]
        return list(found["result"])

    def shown(self, expr: str) -> list[dict[str, Any]]:
        """The same, as soon as it is something: a page that took longer than a scrape may has nothing until the next one."""
        found: list[dict[str, Any]] = eventually(lambda: self.query(expr), expr)
        return found

    def labels(self, expr: str, name: str) -> set[str]:
        return {each["metric"].get(name, "") for each in self.query(expr)}


class Alertmanager(Server):
    def __init__(self, folder: Path, configuration: dict[str, Any], port: int = 0) -> None:
        folder.mkdir()
        (folder / "alertmanager.yml").write_text(json.dumps(configuration))
        port = port or free_port()
        own = ["--config.file=alertmanager.yml", "--storage.path=data", "--cluster.listen-address="]
        super().__init__([program("prometheus-alertmanager"), *own, f"--web.listen-address={HOST}:{port}"], folder, port)

    def alerts(self, **labels: str) -> list[dict[str, Any]]:
        """That are firing, of these labels."""
        return [each for each in self.get("/api/v2/alerts") if labels.items() <= each["labels"].items()]

    def take(self, *alerts: dict[str, Any]) -> None:
        answer = self._http.post("/api/v2/alerts", json=alerts)
        assert answer.is_success, answer.text
