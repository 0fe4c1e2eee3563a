import pytest

from tests.lab.topology import CABLES_LAID, HOSTS, ROUTERS, Cable, cable_at

ENDS = [end for cable in CABLES_LAID for end in cable.ends]


def test_every_name_of_a_cable_end_fits_into_an_interface_name() -> None:
    assert max(len(end.label) for end in ENDS) <= 15


def test_no_two_cables_end_at_the_same_port() -> None:
    assert len({end.label for end in ENDS}) == len(ENDS)


def test_cables_end_at_nodes_of_the_lab() -> None:
    assert {end.node for end in ENDS} == {*(router.name for router in ROUTERS), *HOSTS}


@pytest.mark.parametrize("cable", [cable for cable in CABLES_LAID if cable.a.address], ids=lambda cable: cable.name)
def test_both_ends_of_a_core_cable_are_in_one_network(cable: Cable) -> None:
    a, b = cable.a.address, cable.b.address
    assert a is not None
    assert b is not None
    assert a.network == b.network
    assert a != b


def test_a_port_without_a_cable_is_named() -> None:
    with pytest.raises(LookupError, match="pe1:eth7"):
        cable_at("pe1", "eth7")
