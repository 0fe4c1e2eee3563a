"""No text that a shipped specification accepts says more on an element than its own place does."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.authoring.hostile import ATTACKS, Place, escapes, replaced, texts_in
from agent.authoring.trial import Trial, first_trial
from policies.specification import Specification, parse
from tests.agent.authoring.shipped import all_trials, installed
from tests.policies.shipped import files

PLACES = [(name, place, text) for name, trial in all_trials().items() for place, text in texts_in(trial.sample.characteristics)]
DESCRIPTION = r"[A-Za-z0-9][A-Za-z0-9 .,:;_/()+#@=*-]{0,59}"


@settings(max_examples=300, deadline=None)
@given(
    case=st.sampled_from(PLACES),
    attack=st.one_of(
        st.from_regex(DESCRIPTION, fullmatch=True),
        st.text(max_size=40),
        st.builds("{}{}".format, st.text(max_size=8), st.sampled_from(ATTACKS)),
    ),
)
def test_no_accepted_text_leaves_its_place_in_any_shipped_template(case: tuple[str, Place, str], attack: str) -> None:
    name, place, honest = case
    assert escapes(all_trials()[name], place, honest, attack) == ""


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_attack_succeeds_anywhere(attack: str) -> None:
    for name, place, honest in PLACES:
        assert escapes(all_trials()[name], place, honest, attack) == ""


def careless(**templates: str) -> Specification:
    """internet-access whose description may be anything, and other templates."""
    there = files("internet-access")
    there["spec.yaml"] = there["spec.yaml"].replace("pattern: '^[A-Za-z0-9][A-Za-z0-9 .,:;_/()+#@=*-]*$'", "pattern: '^.*$'")
    own = {f"{name}.j2": text for name, text in templates.items()}
    return parse({name: text for name, text in there.items() if not name.endswith(".j2")} | own)


def trial(spec: Specification, platform: str) -> Trial:
    return first_trial(spec, spec.samples["whole-port"], installed()[platform], installed())


@pytest.mark.parametrize(
    ("file", "template", "platform", "attack"),
    [
        ("ietf.xml", "<a>{{ text | safe }}</a>", "ietf", "</a><evil/><a>"),
        ("ietf.xml", "<a>{{ text | safe }}</a>", "ietf", "<!--"),
        ("ios.lines", "{% for word in text.split(';') %}\ninterface {{ word }}\n{% endfor %}", "ios", "Zqx; shutdown"),
        ("ios.lines", "interface a\n description {{ text[:3] }}", "ios", "Zqx | reload"),
    ],
)
def test_a_careless_template_is_found_out(file: str, template: str, platform: str, attack: str) -> None:
    found = escapes(trial(careless(**{file: template}), platform), ("description",), "Acme", attack)
    assert repr(attack) in found


def test_what_markup_a_template_escapes_is_no_escape() -> None:
    assert escapes(trial(careless(**{"ietf.xml": "<a>{{ text }}</a>"}), "ietf"), ("description",), "Acme", "<b/>") == ""


def test_texts_are_found_and_replaced_wherever_they_stand() -> None:
    value = {"sites": [{"port": "a", "vlan": 1}, {"port": "b"}], "text": "c"}
    assert list(texts_in(value)) == [(("sites", 0, "port"), "a"), (("sites", 1, "port"), "b"), (("text",), "c")]
    assert replaced(value, ("sites", 1, "port"), "x") == {"sites": [{"port": "a", "vlan": 1}, {"port": "x"}], "text": "c"}


def test_a_port_that_is_not_there_reaches_no_element() -> None:
    shipped = all_trials()["internet-access/ios-whole-port"]
    assert escapes(replace(shipped), ("port",), "pe1/2", "pe1/2;reload") == ""
