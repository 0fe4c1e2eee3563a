"""Tables, JSON and remarks."""

import json
from datetime import UTC, datetime

import pytest

from agent.cli.output import clean, complain, print_rows, print_text, say, show_facts, show_rows, show_text
from agent.cli.words import BitRate, Count, Octets

AT = datetime(2026, 1, 5, 9, 0, 7, 123456, tzinfo=UTC)


def test_a_table_has_the_keys_as_titles_and_numbers_on_the_right(capsys):
    show_rows([{"name": "pe1", "ports": 4}, {"name": "a-long-name", "ports": 48}], empty="none")
    title, _, *rows = capsys.readouterr().out.splitlines()
    assert title.split() == ["name", "ports"]
    assert [row.split() for row in rows] == [["pe1", "4"], ["a-long-name", "48"]]
    assert all(len(row) == len(rows[0]) for row in rows)


def test_what_is_piped_is_neither_cut_nor_wrapped_nor_filled_up(capsys):
    long = "x" * 5000
    show_rows([{"a": long, "b": "y"}, {"a": "z", "b": ""}], empty="none")
    out = capsys.readouterr().out
    assert long in out
    assert "\x1b" not in out
    assert all(line == line.rstrip() for line in out.splitlines())


def test_an_empty_table_is_a_sentence_beside_the_result(capsys):
    show_rows([], empty="there are none")
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "there are none\n")


def test_an_empty_list_in_json_is_a_list(capsys):
    print_rows([], as_json=True, empty="there are none")
    assert json.loads(capsys.readouterr().out) == []


def test_json_has_keys_for_programs_and_values_as_they_are(capsys):
    sizes = {"speed": BitRate(10**10), "size": Count(2**80), "in": Octets(5)}
    row = {"managed by": ["ssh"], "if index": 3, "at": AT, "no": None} | sizes
    print_rows([row], as_json=True, empty="")
    (found,) = json.loads(capsys.readouterr().out)
    assert found == {
        "managedBy": ["ssh"],
        "ifIndex": 3,
        "at": "2026-01-05T09:00:07.123456Z",
        "speed": 10**10,
        "size": 2**80,
        "in": 5,
        "no": None,
    }


def test_cells_are_for_people(capsys):
    show_rows([{"at": AT, "by": ["ssh", "snmp"], "speed": BitRate(10**10), "none": None}], empty="")
    assert capsys.readouterr().out.splitlines()[-1].split("  ")[0] == "2026-01-05 09:00:07"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\x9b2J", "\\x9b2J"),
        ("a\rb", "a\\x0db"),
        ("safe \u202e txt", "safe \\x202e txt"),
        ("[bold]ü[/bold] :smile:", "[bold]ü[/bold] :smile:"),
    ],
)
def test_data_cannot_steer_the_terminal(capsys, text, shown):
    assert clean(text) == shown
    say(text)
    show_rows([{"a": text}], empty="")
    show_facts("x", {"a": text})
    show_text(text, text)
    print_text(text)
    complain(text)
    printed = capsys.readouterr()
    assert not any(character in printed.out + printed.err for character in "\x1b\x9b\r\u202e")
    assert shown.splitlines()[0] in printed.err


def test_facts_that_are_not_there_are_left_out(capsys):
    show_facts("pe1", {"role": "edge", "site": None, "notes": "", "ports": [], "zero": 0})
    assert capsys.readouterr().out == "pe1\n  role  edge\n  zero  0\n"


def test_every_line_of_a_complaint_bears_the_programs_name(capsys):
    complain("one\ntwo")
    assert capsys.readouterr().err == "fabd: one\nfabd: two\n"
