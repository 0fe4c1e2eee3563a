"""One running daemon for all of these tests. Each finds it without services."""

import shutil
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
import yaml

from tests.lab import configurations
from tests.lab.configurations import Configurations
from tests.lab.daemon.account import account
from tests.lab.fabd import BROKEN, OWN, Fabd
from tests.lab.lab import Lab

SHIPPED = Path(__file__).parents[3] / "policies" / "specifications" / "internet-access"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    fabd = item.funcargs.get("fabd") if isinstance(item, pytest.Function) else None
    if report.failed and isinstance(fabd, Fabd):
        report.sections.append((f"fabd when the {report.when} failed", account(fabd)))
    return report


@pytest.fixture(scope="package")
def daemon(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fabd]:
    running = Fabd(lab, tmp_path_factory.mktemp("fabd"))
    _write_broken_product(running.specifications / BROKEN)
    write_own_product(running.specifications / OWN)
    configurations.settle(lab)
    with running:
        yield running
        assert set(running.given_out().values()) == {0}, "a test's services have not given back what they were given"


@pytest.fixture
def fabd(daemon: Fabd) -> Iterator[Fabd]:
    """The daemon, up; and without services for the next test, whatever became of this one."""
    if not daemon.running:
        daemon.start()
    yield daemon
    daemon.tidy()


@pytest.fixture
def before(lab: Lab) -> Configurations:
    """What the elements are configured to do, running and saved, as the test finds them."""
    return configurations.read(lab)


_POLICING = """\
    {% if characteristics.rate is defined %}
    <policing xmlns="urn:fabd:lab:policing"><rate>{{ characteristics.rate * 1000000 }}</rate></policing>
    {% endif %}"""


def write_own_product(folder: Path) -> None:
    """The shipped one, with the IPv4 prefix as a characteristic, and a rate by a module of this operator's own."""
    shutil.copytree(SHIPPED, folder)
    for path in (folder / name for name in ("ietf.xml.j2", "frr.lines.j2")):
        path.write_text(path.read_text().replace("allocations.link4", "characteristics.prefix"))
    by_netconf = folder / "ietf.xml.j2"
    by_netconf.write_text(by_netconf.read_text().replace("  </interface>", f"{_POLICING}\n  </interface>"))
    product = yaml.safe_load((folder / "spec.yaml").read_text())
    product["name"] = OWN
    product["features"].pop("rate")
    product["characteristics"]["properties"]["prefix"] = {"type": "string", "pattern": r"^192\.0\.2\.\d{1,3}/31$"}
    product["resources"] = [each for each in product["resources"] if each["role"] != "link4"]
    for left in ("tests", "monitors"):
        product.pop(left, None)
    (folder / "spec.yaml").write_text(yaml.safe_dump(product, sort_keys=False))
    for other in [*folder.glob("*.j2")]:
        if other.name not in ("ietf.xml.j2", "frr.lines.j2"):
            other.unlink()
    shutil.rmtree(folder / "samples")


def _write_broken_product(folder: Path) -> None:
    """A product of the operator's own with a mistake in its templates that only elements find: there is no IPv4 /99."""
    shutil.copytree(SHIPPED, folder)
    for name in ("spec.yaml", "ietf.xml.j2", "frr.lines.j2"):
        path = folder / name
        broken = path.read_text().replace("{{ allocations.link4 | prefix_length }}", "99")
        path.write_text(broken.replace("name: internet-access", f"name: {BROKEN}"))
