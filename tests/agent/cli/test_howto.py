"""docs/howto/new-product.md, done as it says."""

import re
from pathlib import Path

import pytest

HOWTO = Path(__file__).parents[3] / "docs" / "howto" / "new-product.md"
FILE = re.compile(r"`((?:catalog/|fabd\.toml)[^`]*)`[^\n]*\n\n```\w+\n(.*?)```", re.DOTALL)
OUTPUT = re.compile(r"```sh\n([^`]*?)```\n\n```\n(.*?)```", re.DOTALL)
NAME = "guest-access"


@pytest.fixture
def page() -> str:
    return HOWTO.read_text("utf-8")


@pytest.fixture
def made(fabd, folder, page):
    """The folder after the steps that write files."""
    command = next(line for line in page.splitlines() if line.startswith("fabd spec new"))
    words = command.split('"')
    fabd.ok(*words[0].split()[1:], words[1])
    for sample in (folder / "catalog/specifications" / NAME / "samples").iterdir():
        sample.unlink()
    for path, text in FILE.findall(page):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


def test_the_page_names_every_file(page):
    written = {path for path, _ in FILE.findall(page)}
    assert {path.rpartition("/")[2] for path in written} == {
        "spec.yaml",
        "ios.lines.j2",
        "slow.yaml",
        "fast.yaml",
        "bronze.yaml",
        "guest.yaml",
        "fabd.toml",
    }


def test_what_it_makes_is_sound_and_looks_as_it_says(fabd, made, page):
    assert made.is_dir()
    commands, shown = next(found for found in OUTPUT.findall(page) if "spec check" in found[0])
    outcomes = [fabd.ok(*line.split("#")[0].split()[1:]) for line in commands.splitlines()]
    said = "\n".join(text for each in outcomes for text in (each.out, each.err))
    told = [line for line in said.splitlines() if line.strip()]
    for line in filter(None, shown.splitlines()):
        assert line in told


@pytest.mark.parametrize(
    "edit",
    [
        ("ios.lines.j2", "at.interface", "at.interfase"),
        ("spec.yaml", "pattern: '^[A-Za-z0-9 .,-]{1,40}$', ", ""),
    ],
)
def test_its_mistakes_are_told_as_it_says(fabd, made, page, edit):
    file, old, new = edit
    place = made / "catalog/specifications" / NAME / file
    place.write_text(place.read_text().replace(old, new))
    complaint = fabd("spec", "check", NAME).complaint.splitlines()[0]
    assert complaint in " ".join(page.split()).replace("fabd: ", "")


def test_the_pool_that_is_missing_is_told_as_it_says(fabd, made, page, folder):
    assert made == folder
    (folder / "none.yaml").write_text("pools: [{name: rd, kind: rd, administrator: 65000}]\n")
    complaint = fabd("spec", "check", NAME, "--inventory", "none.yaml").complaint
    assert complaint.partition("; there are")[0] in page
