"""What is told of a specification before anybody orders it."""

import pytest

from agent.authoring.examine import Examination, Report
from agent.authoring.scaffold import MODELS, scaffold
from agent.authoring.trial import first_trial, optional, templates_of, trials
from agent.catalog import specification_texts
from agent.config import CatalogSettings
from policies.errors import InvalidPolicy, Refused
from policies.specification import LayoutKind, parse
from tests.agent.authoring.shipped import installed, specifications

TEXTS = specification_texts(CatalogSettings())


def changed(name: str, *edits: tuple[str, str, str]) -> dict[str, str]:
    """A shipped folder with replacements: file, old, new."""
    files = dict(TEXTS[name])
    for file, old, new in edits:
        assert old in files.get(file, old), f"{file} has no {old!r}"
        files[file] = files[file].replace(old, new) if file in files else new
    return files


def examined(files: dict[str, str], pools: dict[str, str] | None = None) -> Report:
    return Examination(parse(files, folder="mine"), files, "mine", installed(), pools).report()


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_what_is_shipped_is_sound_and_shown_on_each_of_its_platforms(name: str) -> None:
    report = examined(dict(TEXTS[name]))
    assert report.problems == ()
    assert set(report.shown) == set(templates_of(specifications()[name], installed()))
    assert all(report.shown.values())


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (
            ("ios.lines.j2", "{{ at.port }}", "{{ at.prot }}"),
            "mine/ios.lines.j2:5: sample one-switch on element sw1: 'dict object' has no attribute 'prot'",
        ),
        (
            ("ios.lines.j2", "interface {{ at.port }}", "interface {{ at.port }} {{ none }}"),
            "mine/ios.lines.j2:5: sample one-switch on element sw1: a value is missing",
        ),
        (
            ("samples/one-switch.yaml", "a: sw1/1", "a: 5"),
            "mine/samples/one-switch.yaml:1: characteristics.a: 5 is not of type 'string'",
        ),
        (("samples/one-switch.yaml", "change:", "change: {colour: red}\n#"), "colour: is not known"),
        (
            ("qbridge.objects.j2", "pvid:", "pvid: ]["),
            "mine/qbridge.objects.j2:1: sample one-switch: sw1: the template for platform",
        ),
        (("ios.lines.j2", "switchport mode access", "do what?"), "cannot be typed on ios"),
        (
            ("spec.yaml", "l2: [switching, vlan]", "l2: [switching, warp]"),
            "no platform that has a template realises switching, warp",
        ),
        (
            ("spec.yaml", "description: {l2: description}", "description: {l2: warp}"),
            "every order with description would be refused",
        ),
        (("spec.yaml", ", kind: vlan", ""), "there is no value for 'vlan': give the resource a `kind`"),
    ],
)
def test_a_mistake_is_told_with_its_file_and_line(edit: tuple[str, str, str], said: str) -> None:
    report = examined(changed("l2-eline", edit))
    assert any(said in str(problem) for problem in report.problems), [str(problem) for problem in report.problems]


def test_a_schema_that_lets_lines_be_injected_is_told() -> None:
    loose = ("spec.yaml", "pattern: '^[A-Za-z0-9][A-Za-z0-9 .,:;_/()+#@=*-]*$'", "")
    careless = ("ietf.xml.j2", "<description>{{ text }}", "<description>{{ text | safe }}")
    problems = examined(changed("internet-access", loose, careless)).problems
    assert any("is accepted" in str(problem) and "give it a `pattern`" in str(problem) for problem in problems)


@pytest.mark.parametrize(
    ("pools", "said"),
    [
        ({}, "mine/spec.yaml:44: resources[0].pool: there is no pool 'vlan-eline'; import it with `fabd inventory import`"),
        ({"vlan-eline": "integer"}, "pool vlan-eline is of kind integer; the specification needs vlan"),
    ],
)
def test_a_pool_that_is_not_there_is_told(pools: dict[str, str], said: str) -> None:
    (problem,) = examined(dict(TEXTS["l2-eline"]), pools).problems
    assert said.partition(": ")[2] in str(problem)
    assert str(problem).startswith("mine/spec.yaml:")


def test_pools_of_links_are_known_only_with_the_network() -> None:
    assert examined(dict(TEXTS["leased-circuit"]), {"vlan-eline": "vlan"}).problems == ()


def test_what_no_sample_shows_is_noted() -> None:
    files = {name: text for name, text in TEXTS["internet-access"].items() if not name.startswith("samples/")}
    assert any("there are no samples" in note for note in examined(files).notes)
    files["samples/edge.yaml"] = TEXTS["internet-access"]["samples/edge-port.yaml"]
    notes = examined(files).notes
    assert any(note.startswith("no sample shows what it is on qbridge (edge: /port: pe1 (platform qbridge)") for note in notes)


def test_a_platform_that_could_but_has_no_template_is_noted() -> None:
    files = {name: text for name, text in TEXTS["l2-eline"].items() if name != "qbridge.objects.j2"}
    assert "qbridge realises what l2 needs, but has no template" in examined(files).notes


def test_a_template_in_a_syntax_that_its_platform_does_not_take_is_told() -> None:
    files = changed("l2-eline")
    files["ios.xml.j2"] = files["ios.lines.j2"]
    beside = [str(problem) for problem in examined(files).problems]
    assert beside == ["mine/ios.xml.j2:1: ios takes lines, not xml: call the file ios.lines.j2"]
    del files["ios.lines.j2"]
    assert beside[0] in [str(problem) for problem in examined(files).problems]


def test_a_test_that_no_element_can_be_asked_is_noted() -> None:
    misspelt = examined(changed("internet-access", ("spec.yaml", "{kind: ping,", "{kind: pign,"))).notes
    said = "no platform that has a template can be asked 'pign', so it proves nothing; they can be asked interface, neighbour, ping"
    assert [note for note in misspelt if "pign" in note] == [f"tests[1]: {said}", f"tests[2]: {said}"]
    for name in TEXTS:
        assert not any("can be asked" in note for note in examined(dict(TEXTS[name])).notes)


def test_a_file_that_others_include_is_no_platform() -> None:
    files = changed("l2-eline", ("ios.lines.j2", "{# Trunk", "{% include 'common.lines.j2' %}\n{# Trunk")) | {"common.lines.j2": ""}
    assert not any("common" in note for note in examined(files).notes)


def test_a_platform_is_tried_in_every_part_that_it_can_play() -> None:
    spec = specifications()["internet-access"]
    found = list(trials(spec, spec.samples["access-port"], installed()["ios"], installed()))
    assert set(found[0].outcome().texts) == {"sw1", "sw2", "pe1"}
    parts = [{at.layer for at in trial.outcome().layout.attachments if at.platform == "ios"} for trial in found]
    assert {"l2", "l3"} in parts


def test_a_sample_of_the_impossible_says_why() -> None:
    spec = specifications()["internet-access"]
    with pytest.raises(Refused, match=r"pe1 \(platform qbridge\) cannot realise ipv4"):
        first_trial(spec, spec.samples["edge-port"], installed()["qbridge"], installed())


@pytest.mark.parametrize("layout", MODELS)
def test_a_new_specification_is_sound_as_it_is_made(layout: LayoutKind) -> None:
    files = scaffold("brand-new", "Brand new", TEXTS[MODELS[layout]], [])
    spec = parse(files, folder="brand-new")
    assert (spec.name, spec.title, spec.version, spec.layout) == ("brand-new", "Brand new", "1.0.0", layout)
    assert examined(files).problems == ()


def test_a_new_specification_has_only_the_templates_that_were_asked_for() -> None:
    files = scaffold("brand-new", "Brand new", TEXTS["l2-eline"], ["ios"])
    assert [name for name in files if name.endswith(".j2")] == ["ios.lines.j2"]
    assert examined(files).problems == ()


def test_a_template_that_includes_another_brings_it_along() -> None:
    files = scaffold("brand-new", "Brand new", TEXTS["internet-access"], ["frr-linux"])
    assert {"frr-linux.lines.j2", "frr.lines.j2"} <= set(files)


def test_a_name_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidPolicy, match="name"):
        parse(scaffold("Brand new", "x", TEXTS["l2-eline"], []), folder="x")


def test_a_template_that_needs_what_a_client_may_leave_out_is_named() -> None:
    files = changed(
        "internet-access", ("ios.lines.j2", "{% if characteristics.rate is defined %}", "{% if characteristics.rate %}")
    )
    problems = [str(problem) for problem in examined(files).problems]
    assert any("without rate, which may be left out" in problem for problem in problems), problems


@pytest.mark.parametrize(
    ("schema", "said", "may"),
    [
        ({"required": ["a"]}, {"a": 1, "b": 2}, [("b",)]),
        ({"properties": {"a": {"required": ["b"]}}, "required": ["a"]}, {"a": {"b": 1, "c": 2}}, [("a", "c")]),
        (
            {"properties": {"a": {"items": {"required": ["p"]}}}, "required": ["a"]},
            {"a": [{"p": 1, "q": 2}, {"p": 3}]},
            [("a", "*", "q")],
        ),
        ({}, {"a": {"b": 1}}, [("a",), ("a", "b")]),
    ],
)
def test_what_may_be_left_out_follows_from_the_schema(schema, said, may) -> None:
    assert optional(schema, said) == may
