"""Building and removing. Building takes long, so no test builds for the next one; after the last the lab is whole."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import frr, namespaces, watchdog
from tests.lab.errors import LabBusy, LabError
from tests.lab.lab import Lab
from tests.lab.lock import held
from tests.lab.shell import wait_until
from tests.lab.topology import ROUTERS

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module", autouse=True)
def _whole_again(lab: Lab) -> Iterator[None]:
    yield
    lab.up(owner=os.getpid())


def test_building_what_is_whole_changes_nothing(lab: Lab) -> None:
    lab.up(owner=os.getpid())
    before = frr.pid("pe1", "zebra"), lab.credentials()
    lab.up(owner=os.getpid())
    assert (frr.pid("pe1", "zebra"), lab.credentials()) == before


def test_nothing_is_left_after_down_and_a_second_down_is_fine(lab: Lab) -> None:
    for _ in range(2):
        lab.down()
        # of what all labs share, another one may be the last that takes it away
        wait_until("nothing is left", lambda: lab.remains() == [], seen=lab.remains)


def test_leftovers_of_a_crashed_run_do_not_hinder_the_next_and_the_lab_goes_when_its_time_is_over(lab: Lab) -> None:
    lab.down()
    namespaces.create("pe1")
    namespaces.create("forgotten")
    subprocess.run(["setsid", "--fork", *namespaces.argv_in("forgotten", ["sleep", "600"])], check=True)
    wait_until("a process lingers", lambda: namespaces.processes("forgotten") == ["sleep"])
    lab.up(owner=os.getpid())
    assert namespaces.full_name("forgotten") not in namespaces.existing()
    assert lab.faults() == []
    watchdog.start(lab.folder, owner=os.getpid(), lifetime=0.1)
    wait_until("the watchdog has taken the lab down", lambda: lab.remains() == [], seen=lab.remains)


def test_the_lab_goes_when_its_owner_dies(lab: Lab) -> None:
    lab.down()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as owner:
        lab.up(owner=owner.pid)
        owner.kill()
    wait_until("the watchdog has taken the lab down", lambda: lab.remains() == [], seen=lab.remains)


def test_a_daemon_that_died_is_named_and_building_again_repairs(lab: Lab) -> None:
    lab.up(owner=os.getpid())
    os.kill(frr.pid("p1", "bgpd"), signal.SIGKILL)
    # where it still runs, faults asks it for its neighbours, and it may be gone then
    wait_until("bgpd is gone", lambda: "bgpd" not in namespaces.processes("p1"))
    assert lab.faults() == ["p1: bgpd does not run"]
    lab.up(owner=os.getpid())
    assert lab.faults() == []


def test_the_watch_ends_at_once_for_an_owner_that_is_gone_already() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as owner:
        pass
    watchdog.wait(owner=owner.pid, lifetime=600)


@pytest.mark.usefixtures("lab")
def test_one_process_at_a_time_uses_the_lab() -> None:
    with pytest.raises(LabBusy), held(within=0.1):
        pytest.fail("entered a lab that the session holds")


def test_a_folder_of_somebody_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    mine = tmp_path / "precious"
    mine.touch()
    with pytest.raises(LabError, match="not a folder of the lab"):
        Lab(tmp_path)._make_folder()
    assert mine.exists()


def test_names_of_left_folders_are_those_of_the_lab_only(lab: Lab) -> None:
    lab.up(owner=os.getpid())
    assert [Path(path).name for path in frr.left()] == 2 * sorted(namespaces.full_name(router.name) for router in ROUTERS)
