"""Where specifications, SLAs and tariffs are found."""

import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from agent import catalog
from agent.catalog import load_catalog
from agent.config import CatalogSettings
from agent.errors import ConfigurationError
from policies.errors import InvalidPolicy

SPEC = """
name: dark-fibre
version: "1"
title: Dark fibre
service_name: "fibre {{ characteristics.port }}"
characteristics: {type: object, additionalProperties: false, properties: {port: {type: string}}}
layout: access
"""


def folder(root: Path, name: str, **files: str) -> CatalogSettings:
    """Of specifications, with one of that name; `_` in a file's name stands for a dot."""
    place = root / name
    place.mkdir(parents=True)
    for file, text in files.items():
        (place / file.replace("_", ".")).write_text(text)
    return CatalogSettings(specifications=[root])


def test_a_folder_of_the_operators_own_adds_a_specification(tmp_path: Path) -> None:
    found = load_catalog(folder(tmp_path, "dark-fibre", spec_yaml=SPEC, ios_lines_j2="interface x\n"))
    assert found.specification("dark-fibre").template("ios") == ("ios.lines.j2", "lines")
    assert found.specification("internet-access").template("ios")


def test_templates_of_a_specifications_name_are_added_to_it(tmp_path: Path) -> None:
    found = load_catalog(folder(tmp_path, "internet-access", acmeos_lines_j2="interface x\n", README_md="not a template"))
    spec = found.specification("internet-access")
    assert spec.template("acmeos") == ("acmeos.lines.j2", "lines")
    assert spec.template("ios")
    assert "README.md" not in spec.templates


def test_samples_lie_in_a_folder_beside_the_specification(tmp_path: Path) -> None:
    settings = folder(tmp_path, "dark-fibre", spec_yaml=SPEC)
    (tmp_path / "dark-fibre" / "samples").mkdir()
    (tmp_path / "dark-fibre" / "samples" / "one.yaml").write_text("characteristics: {port: pe1/1}\n")
    (tmp_path / "dark-fibre" / "samples" / "notes.txt").write_text("not a sample")
    samples = load_catalog(settings).specification("dark-fibre").samples
    assert {name: sample.characteristics for name, sample in samples.items()} == {"one": {"port": "pe1/1"}}
    (tmp_path / "dark-fibre" / "samples" / "two.yaml").write_text("characteristics: {}\ncolour: red\n")
    with pytest.raises(InvalidPolicy, match=r"dark-fibre/samples/two.yaml:2: colour: no such key"):
        load_catalog(settings)


@pytest.mark.parametrize(
    ("name", "files", "complaint"),
    [
        ("internet-access", {"ios_lines_j2": "x"}, r"internet-access/ios\.lines\.j2:1: there are two of them"),
        ("internet-access", {"spec_yaml": SPEC}, r"internet-access/spec\.yaml:1: there are two of them"),
        ("internet-acess", {"acmeos_lines_j2": "x"}, r"internet-acess/spec\.yaml:1: the file is missing"),
        ("dark-fibre", {"spec_yaml": SPEC, "ios_lines_j2": "{{ x | nosuch }}"}, r"ios\.lines\.j2:1: not a template"),
    ],
)
def test_a_folder_that_does_not_fit_is_named(tmp_path: Path, name: str, files: dict[str, str], complaint: str) -> None:
    with pytest.raises(InvalidPolicy, match=complaint):
        load_catalog(folder(tmp_path, name, **files))


def test_folders_without_anything_of_ours_are_left_alone(tmp_path: Path) -> None:
    assert load_catalog(folder(tmp_path, "notes", README_md="hello")) == load_catalog()


def test_an_installed_package_brings_specifications_and_templates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "fabd_fibre"
    folder(package, "dark-fibre", spec_yaml=SPEC)
    folder(package, "l3vpn", acmeos_lines_j2="vrf x\n")
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(catalog, "entry_points", lambda group: [EntryPoint("fibre", "fabd_fibre", group)])
    found = load_catalog()
    sys.modules.pop("fabd_fibre")
    assert found.specification("dark-fibre").title == "Dark fibre"
    assert found.specification("l3vpn").template("acmeos")


def test_a_package_that_cannot_be_imported_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "entry_points", lambda group: [EntryPoint("gone", "no_such_package", group)])
    with pytest.raises(ConfigurationError, match="package no_such_package of entry point gone cannot be imported"):
        load_catalog()
