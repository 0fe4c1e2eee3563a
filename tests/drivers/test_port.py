"""What reading back says in the operator's words."""

from drivers.port import PortState, Verification


def test_what_is_missing_and_what_is_left_over_is_one_sentence_each():
    found = Verification(
        ("vlan 100", "name acme"), ("vlan 200",), (PortState("up1", exists=True, up=False), PortState("9", exists=False, up=False))
    )
    assert found.problems == (
        "not in the running configuration: vlan 100, name acme",
        "still in the running configuration: vlan 200",
        "port up1 is down",
        "port 9 does not exist",
    )


def test_of_very_many_lines_the_first_are_named_and_the_others_counted():
    (told,) = Verification(missing=tuple(f"line {number}" for number in range(500))).problems
    assert told.endswith("line 9, and 490 more")


def test_what_holds_has_no_problems():
    assert Verification(ports=(PortState("1", exists=True, up=True),)).problems == ()
