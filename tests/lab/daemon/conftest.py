"""One running daemon for all of these tests. Each finds it without services."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import configurations
from tests.lab.configurations import Configurations
from tests.lab.fabd import BROKEN, ORDERS, Fabd, deletion
from tests.lab.lab import Lab

SHIPPED = Path(__file__).parents[3] / "policies" / "specifications" / "internet-access"


@pytest.fixture(scope="package")
def daemon(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fabd]:
    running = Fabd(lab, tmp_path_factory.mktemp("fabd"))
    _write_broken_product(running.specifications / BROKEN)
    configurations.settle(lab)
    with running:
        yield running
        assert set(running.given_out().values()) == {0}, "a test's services have not given back what they were given"


@pytest.fixture
def fabd(daemon: Fabd) -> Iterator[Fabd]:
    """The daemon, up; and without services for the next test, whatever became of this one."""
    yield daemon
    if not daemon.running:
        daemon.start()
    for order in daemon.get(ORDERS, state="acknowledged,inProgress,pending,held"):
        daemon.outcome(order["id"])
    for service in daemon.active():
        daemon.order(deletion(service))


@pytest.fixture
def before(lab: Lab) -> Configurations:
    """What the elements are configured to do, running and saved, as the test finds them."""
    return configurations.read(lab)


def _write_broken_product(folder: Path) -> None:
    """A product of the operator's own with a mistake in its templates that only elements find: there is no IPv4 /99."""
    shutil.copytree(SHIPPED, folder)
    for name in ("spec.yaml", "ietf.xml.j2", "frr.lines.j2"):
        path = folder / name
        broken = path.read_text().replace("{{ allocations.link4 | prefix_length }}", "99")
        path.write_text(broken.replace("name: internet-access", f"name: {BROKEN}"))
