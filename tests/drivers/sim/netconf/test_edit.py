import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.sim.netconf import edit, payload
from drivers.sim.netconf.edit import OnError, Stopped
from drivers.sim.netconf.names import Element
from drivers.sim.netconf.payload import Operation
from tests.drivers.sim.netconf.trees import TYPE, ipv4, port, raw, row, shape, tree

DESCRIPTION = "<description>one</description>"
OLD, NEW = row("192.0.2.1", 24), row("192.0.2.2", 30)
A = port("a", TYPE + DESCRIPTION + ipv4(OLD))
B = port("b", TYPE)


def applied(before: str, change: str, default: Operation = Operation.MERGE) -> Element:
    config = tree(before)
    edit.apply(config, tree(change), default, OnError.STOP)
    return config


@pytest.mark.parametrize(
    ("change", "default", "after"),
    [
        pytest.param(B, "merge", A + B, id="merge adds an entry"),
        pytest.param(port("a", "<description>two</description>"), "merge", A.replace("one", "two"), id="merge a leaf"),
        pytest.param(
            port("a", "<enabled>false</enabled>"),
            "merge",
            A.replace("</type>", "</type><enabled>false</enabled>"),
            id="merge a new leaf",
        ),
        pytest.param(port("a", ipv4(row("192.0.2.1", 30))), "merge", A.replace("24", "30"), id="merge below a list entry"),
        pytest.param(
            port("a", ipv4(NEW)),
            "merge",
            A.replace(OLD + "</ip:address>", f"{OLD}</ip:address><ip:address>{NEW}</ip:address>"),
            id="merge adds an address",
        ),
        pytest.param(port("a", TYPE, "replace"), "merge", port("a", TYPE), id="replace an entry"),
        pytest.param(
            port("a", '<ip:ipv4 nc:operation="delete"/>'), "merge", port("a", TYPE + DESCRIPTION), id="delete a container"
        ),
        pytest.param(port("a", '<description nc:operation="delete"/>'), "merge", A.replace(DESCRIPTION, ""), id="delete a leaf"),
        pytest.param(
            port("a", '<description nc:operation="remove">any</description>'),
            "none",
            A.replace(DESCRIPTION, ""),
            id="remove a leaf under none",
        ),
        pytest.param(port("z", "", "remove"), "none", A, id="remove what is not there"),
        pytest.param(port("a", "", "delete"), "none", "", id="the last entry takes its container with it"),
        pytest.param(port("b", TYPE, "create"), "none", A + B, id="create under none"),
        pytest.param(B, "replace", B, id="default replace leaves only the payload"),
        pytest.param(
            port("a", "<ip:ipv6/>"),
            "merge",
            A.replace("</ip:ipv4>", "</ip:ipv4><ip:ipv6/>"),
            id="a presence container stays though empty",
        ),
        pytest.param(
            port("a", "<ip:ipv6><ip:autoconf/></ip:ipv6>"),
            "merge",
            A.replace("</ip:ipv4>", "</ip:ipv4><ip:ipv6/>"),
            id="another empty container does not",
        ),
    ],
)
def test_an_edit_gives_the_tree_of_rfc_6241(change: str, default: str, after: str) -> None:
    result = applied(A, change, Operation(default))
    assert sorted(shape(result)) == sorted(shape(tree(after)) if after else [])


@pytest.mark.parametrize(
    ("change", "default", "tag", "path"),
    [
        (port("a", TYPE, "create"), "merge", "data-exists", "/if:interfaces/if:interface[if:name='a']"),
        (port("z", "", "delete"), "merge", "data-missing", "/if:interfaces/if:interface[if:name='z']"),
        (port("z", TYPE), "none", "data-missing", "/if:interfaces/if:interface[if:name='z']"),
        (
            port("a", '<enabled nc:operation="delete"/>'),
            "merge",
            "data-missing",
            "/if:interfaces/if:interface[if:name='a']/if:enabled",
        ),
    ],
)
def test_an_edit_that_does_not_fit_says_where(change: str, default: str, tag: str, path: str) -> None:
    with pytest.raises(Stopped) as caught:
        applied(A, change, Operation(default))
    assert [(error.tag, error.path) for error in caught.value.errors] == [(tag, path)]


TWO_MISTAKES = port("a", TYPE, "create") + B + port("z", "", "delete") + port("c", TYPE)


@pytest.mark.parametrize(("on_error", "errors", "names"), [(OnError.STOP, 1, ["a"]), (OnError.CONTINUE, 2, ["a", "b", "c"])])
def test_error_option_decides_how_far_an_edit_gets(on_error: OnError, errors: int, names: list[str]) -> None:
    config = tree(A)
    with pytest.raises(Stopped) as caught:
        edit.apply(config, tree(TWO_MISTAKES), Operation.MERGE, on_error)
    assert len(caught.value.errors) == errors
    assert [text for path, text in shape(config) if path.endswith("interface/name")] == names


def test_leaves_stand_in_the_order_of_the_model_whatever_the_order_of_edits() -> None:
    config = applied(port("a", "<enabled>true</enabled>" + ipv4(row("192.0.2.1", 24))), port("a", TYPE))
    assert [path.rpartition("/")[2] for path, _ in shape(config)][:3] == ["name", "type", "enabled"]


def test_the_type_keeps_a_declared_prefix() -> None:
    config = tree(B)
    leaf = config.find(".//{*}type")
    assert leaf is not None
    assert leaf.text == "ianaift:ethernetCsmacd"
    assert payload.read(config) is not config
    assert shape(payload.read(config)) == shape(config)


_ADDRESSES = st.lists(
    st.tuples(st.sampled_from(["192.0.2.1", "192.0.2.2", "192.0.2.3"]), st.integers(0, 32)), max_size=3, unique_by=lambda a: a[0]
)
_TREES = st.dictionaries(st.sampled_from("abc"), st.tuples(st.booleans(), _ADDRESSES), max_size=3)


def _document(ports: dict[str, tuple[bool, list[tuple[str, int]]]]) -> str:
    return "".join(
        port(name, TYPE + f"<enabled>{str(enabled).lower()}</enabled>" + (ipv4(*(row(*a) for a in rows)) if rows else ""))
        for name, (enabled, rows) in ports.items()
    )


@given(_TREES, _TREES)
def test_merge_is_idempotent_and_keeps_the_other_entries(before: dict, change: dict) -> None:  # type: ignore[type-arg]
    once = applied(_document(before), _document(change))
    first = shape(once)
    edit.apply(once, tree(_document(change)), Operation.MERGE, OnError.STOP)
    assert shape(once) == first
    untouched = tree(_document({name: entry for name, entry in before.items() if name not in change}))
    assert set(shape(untouched)) <= set(first) | {("interfaces", "")}  # an empty payload holds the container


@given(_TREES, _TREES)
def test_default_replace_forgets_what_was(before: dict, change: dict) -> None:  # type: ignore[type-arg]
    empty = tree(_document({}))
    edit.apply(empty, tree(_document(change)), Operation.MERGE, OnError.STOP)
    assert shape(applied(_document(before), _document(change), Operation.REPLACE)) == shape(empty)


def test_the_payload_itself_is_never_changed() -> None:
    sent = raw(A)
    before = shape(sent)
    payload.read(sent)
    assert shape(sent) == before
