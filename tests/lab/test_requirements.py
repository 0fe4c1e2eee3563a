import os
import sys
from pathlib import Path

import pytest

from tests.lab import __main__ as command
from tests.lab import requirements


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(requirements, "_kernel_refusal", lambda: "")


@pytest.mark.usefixtures("root")
def test_a_package_whose_file_is_absent_is_named_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(requirements, "PACKAGES", {"some-package": (f"{tmp_path}/absent",)})
    assert [each.what for each in requirements.missing()] == ["Debian package some-package"]
    assert "apt-get install --no-install-recommends some-package" in requirements.report(requirements.missing())


@pytest.mark.usefixtures("root")
def test_a_file_is_found_whatever_the_architecture_calls_its_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "x86_64").mkdir()
    (tmp_path / "x86_64" / "module.so").touch()
    monkeypatch.setattr(requirements, "PACKAGES", {"some-package": (f"{tmp_path}/*/module.so",)})
    assert requirements.missing() == []


def test_without_root_the_kernel_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(requirements, "PACKAGES", {})
    monkeypatch.setattr(requirements, "_kernel_refusal", lambda: pytest.fail("tried"))
    assert [each.what for each in requirements.missing()] == ["root"]


@pytest.mark.usefixtures("root")
def test_what_the_kernel_refuses_is_told_in_its_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requirements, "PACKAGES", {})
    monkeypatch.setattr(requirements, "_kernel_refusal", lambda: "Operation not supported")
    assert "Operation not supported" in requirements.report(requirements.missing())


@pytest.mark.usefixtures("root")
def test_the_package_that_breaks_netconfd_is_asked_to_go(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "implementation.so").touch()
    monkeypatch.setattr(requirements, "PACKAGES", {})
    monkeypatch.setattr(requirements, "_UNWANTED_FILE", f"{tmp_path}/implementation.so")
    assert "apt-get remove netconfd-module-ietf-interfaces" in requirements.report(requirements.missing())


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize(("packages", "status"), [({}, 0), ({"some-package": ("/nowhere/at/all",)}, 1)])
def test_check_ends_with_one_when_something_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], packages: dict[str, tuple[str, ...]], status: int
) -> None:
    monkeypatch.setattr(requirements, "PACKAGES", packages)
    monkeypatch.setattr(sys, "argv", ["tests.lab", "check"])
    assert command.main() == status
    assert ("some-package" in capsys.readouterr().out) == bool(status)
