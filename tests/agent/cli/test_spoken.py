"""What the API says is told in the words of the command line, where that has words for it."""

import pytest

from agent.cli.spoken import _LISTS, placed, sentence


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "there is no serviceOrder 'o-1'; list them at /tmf-api/serviceOrdering/v4/serviceOrder",
            "there is no order 'o-1'; list them with `fabd order list`",
        ),
        (
            'there is no alarm "a\'; list them at /api/v1/x"; list them at /api/v1/alarms',
            'there is no alarm "a\'; list them at /api/v1/x"; list them with `fabd alarm list`',
        ),
        ("there is no hub 'h-1'; list them at /tmf-api/alarm/v4/hub", None),
        ("pe1 is not in doubt", None),
    ],
)
def test_paths_that_a_command_lists_are_told_as_that_command(said, told):
    assert sentence(said) == (told or said)


@pytest.mark.parametrize("command", sorted({command for _, command in _LISTS.values()}))
def test_the_commands_that_are_named_are_there(fabd, command):
    assert "Print JSON" in fabd.ok(*command.split(), "--help").out


@pytest.mark.parametrize(
    ("text", "pointer", "asked", "told"),
    [
        ("it ends before it starts", "#/end", "/api/v1/freezes", "--until: it ends before it starts"),
        ("/end: it ends before it starts", "/end", "/api/v1/freezes", "--until: it ends before it starts"),
        ("it ends before it starts", "/end", "/api/v1/customers/100/bills", "--to: it ends before it starts"),
        ("too long; see /docs for its form", "/scopes/0/name", "/api/v1/maintenance", "--over: too long"),
        ("too long", "/reason", "/api/v1/maintenance", "REASON: too long"),
        ("too long", "/reason", "/api/v1/maintenance/mnt-1/cancel", "--reason: too long"),
        ("no time", "/occurrence", "/api/v1/maintenance/mnt-1/cancel", "--occurrence: no time"),
        ("too long; see /docs for its form", "/note", "/api/v1/orders/plan", "/note: too long; see /docs for its form"),
        ("too long", "/note", "/api/v1/orders/o/items/1/release", "--note: too long"),
        ("no customer", "/relatedParty", "/tmf-api/serviceOrdering/v4/serviceOrder", "/relatedParty: no customer"),
        ("too long", "", "/api/v1/freezes", "too long"),
    ],
)
def test_a_place_in_a_body_that_a_command_made_is_told_as_its_option(text, pointer, asked, told):
    assert placed(text, pointer, asked) == told
