"""Tree diff of NETCONF configuration (RFC 6241 §7.2): only what differs travels, removals are `operation="remove"`.

Texts are the content of `<config>`: one or more top elements, each with its namespace. What a text contains is owned. An
entry or container that only the old text has is removed as a whole, unless the running configuration (when it is given)
holds something under it that is not ours; then only our leaves go, and keys and mandatory leaves stay with what remains.
"""

from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache

from lxml import etree

from drivers.diff.comparison import Comparison, compare
from drivers.diff.moulds import Made, Moulds
from drivers.diff.values import canonical
from drivers.platform import XmlRules

BASE = "urn:ietf:params:xml:ns:netconf:base:1.0"
_OPERATION = f"{{{BASE}}}operation"
_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True, remove_blank_text=True)

READ, LONGEST_READ = 256, 16_384
"""Texts whose trees are kept: those of the orders that are placed or carried out together. Not those of a whole element, each of
which is read once a night and whose tree takes seven times its room."""

Identity = tuple[str, tuple[str, ...]]
"""A node among its siblings: its name, and the values of its keys (or its own value in a leaf-list)."""


def forward(rules: XmlRules, before: str, after: str, running: str = "") -> str:
    """The content of `<config>` that leads from `before` to `after`; "" when nothing differs. `ValueError` for broken XML."""
    if not running and (not before or not after) and (made := _moulds.made(rules, before or after)):
        return made.back if before else made.there
    tree = _Tree(rules)
    old, new = _read(before), _read(after)
    edits = tree.edits(old, new, _parse(running) if running else None)
    return "\n".join(map(_own_text, edits))


def both_ways(rules: XmlRules, before: str, after: str) -> tuple[str, str]:
    """`forward`, there and back."""
    if (not before or not after) and (made := _moulds.made(rules, before or after)):
        return (made.back, made.there) if before else (made.there, made.back)
    return _both_ways(_Tree(rules), before, after)


def _both_ways(tree: "_Tree", before: str, after: str) -> tuple[str, str]:
    old, new = _read(before), _read(after)
    there, back = tree.edits(old, new, None), tree.edits(new, old, None)
    return "\n".join(map(_own_text, there)), "\n".join(map(_own_text, back))


def selection(rules: XmlRules, *texts: str) -> str:
    """A subtree filter (RFC 6241 §6) for just the entries that the texts name."""
    said = [text for text in texts if text]
    if len(said) == 1 and (made := _moulds.made(rules, said[0])):
        return made.selection
    return _selection(_Tree(rules), said)


def _selection(tree: "_Tree", texts: Iterable[str]) -> str:
    root = etree.Element("selection")
    for text in texts:
        tree.select(root, _read(text))
    found = [*root]
    root.clear()
    return "\n".join(map(_own_text, found))


def assess(rules: XmlRules, before: str, after: str, running: str | etree._Element) -> Comparison:
    """Compare the running configuration with both sides; `running` as the server sent it (`<data>`, or its content as text)."""
    tree = _Tree(rules)
    old, new, live = (tree.survey(root) for root in (_read(before), _read(after), _bared(running)))

    def holds(item: tuple[_Path, str]) -> bool:
        leaf, value = item
        return live.leaves[leaf] == value if leaf in live.leaves else tree.is_default(leaf, value)

    found = compare(
        old.leaves.items(),
        new.leaves.items(),
        holds=holds,
        neutral=lambda item: tree.is_neutral(*item),
        name=lambda item: _words(*item),
    )
    stale = tuple(
        _words(path, "")
        for path, node in old.entries.items()
        if path not in new.entries and path in live.entries and not tree.foreign(node, live.entries[path])
    )
    return Comparison(found.missing, (*found.leftover, *stale), found.standing)


def values(rules: XmlRules, leaves: Mapping[str, str], running: str) -> Iterator[tuple[str, str, str, str]]:
    """Every value of these leaves: its name, itself, the value of the leaf named beside it ("" without), and where it stands.

    A leaf is `prefix:name`, or with what it stands in `prefix:name/prefix:name`.
    """
    tree, root = _Tree(rules), _parse(running)
    wanted = {tuple(rules.clark(name) for name in leaf.split("/")): leaf for leaf in leaves}
    for node in root.iter():
        parent = node.getparent()
        if parent is None or not node.text:
            continue
        leaf = wanted.get((str(node.tag),)) or wanted.get((str(parent.tag), str(node.tag)))
        if leaf is None:
            continue
        beside = parent.findtext(rules.clark(leaves[leaf]), "") if leaves[leaf] else ""
        yield leaf, node.text.strip(), beside.strip(), tree.place(parent, root)


def roots(rules: XmlRules) -> str:
    """A subtree filter (RFC 6241 §6) for all below the platform's `roots`."""
    parted = (name.partition(":") for name in rules.roots)
    return "\n".join(f'<{local} xmlns="{rules.namespaces[prefix]}"/>' for prefix, _, local in parted)


def observed(rules: XmlRules, expected: str, running: str) -> str:
    """What of `expected` stands, with the values that it has; a default that is not sent counts as sent."""
    tree, root = _Tree(rules), _parse("")
    tree.observe(root, _parse(expected), _parse(running))
    return "".join(f"{_text(child)}\n" for child in root)


def unite(rules: XmlRules, texts: Iterable[str]) -> str:
    """All that the texts say; of two values of one leaf the later one stands."""
    tree, root = _Tree(rules), _parse("")
    known: dict[etree._Element, dict[Identity, etree._Element]] = {}
    for text in texts:
        tree.graft(root, _parse(text), known)
    return "".join(f"{_text(child)}\n" for child in root)


def statements(rules: XmlRules, text: str) -> dict[str, str]:
    """Place and value of everything that the text says; see `drivers.diff.statements`."""
    made = _moulds.made(rules, text)
    return dict(made.statements) if made else _Tree(rules).statements(_read(text))


def _make(rules: XmlRules, text: str) -> Made:
    tree = _Tree(rules)
    return Made(*_both_ways(tree, "", text), _selection(tree, [text]), tree.statements(_read(text)))


_moulds = Moulds(_make, ["nc"])


def keep(rules: XmlRules, text: str, wanted: Mapping[str, str]) -> str:
    """What of the text says just these things; entries with what they cannot be without."""
    kept = _Tree(rules).keep(_read(text), wanted)
    return "".join(f"{_text(node)}\n" for node in kept)


_Path = tuple[Identity, ...]


@dataclass(frozen=True, slots=True)
class _Survey:
    """All that a tree holds, by path."""

    leaves: dict[_Path, str]
    """Keys of lists left out: they are in the path."""
    entries: dict[_Path, etree._Element]
    """Of lists."""


class _Tree:
    """Reads and edits configuration trees by the platform's rules; names are in Clark notation (`{namespace}name`)."""

    def __init__(self, rules: XmlRules) -> None:
        named = rules.named
        self._keys, self._leaf_lists, self._presence = named.keys, named.leaf_lists, named.presence
        self._mandatory, self._identities, self._defaults = named.mandatory, named.identities, named.defaults

    def edits(self, old: etree._Element, new: etree._Element, live: etree._Element | None) -> list[etree._Element]:
        olds, news, lives = self._index(old), self._index(new), self._index(live)
        gone = [self._removal(node, lives.get(identity)) for identity, node in olds.items() if identity not in news]
        came = [self._change(olds.get(identity), node, lives.get(identity)) for identity, node in news.items()]
        return [edit for edit in (*gone, *came) if edit is not None]

    def select(self, into: etree._Element, node: etree._Element) -> None:
        there = self._index(into)
        for identity, child in self._index(node).items():
            if child.tag in self._keys:
                if identity not in there:
                    into.append(self._bare(child))
                continue
            place = there.get(identity)
            if place is None:
                place = self._bare(child)
                into.append(place)
            self.select(place, child)

    def observe(self, into: etree._Element, expected: etree._Element, live: etree._Element) -> None:
        """Copy what both have, with the values of the running side; keys come with their entries."""
        keys, there = self._keys.get(str(expected.tag), ()), self._index(live)
        for identity, child in self._index(expected).items():
            if child.tag in keys:
                continue
            mine = there.get(identity)
            if not len(child):
                found = mine if mine is not None and not len(mine) else None
                if found is not None or self._defaults.get(str(child.tag)) == self._value(child):
                    into.append(deepcopy(child if found is None or self._value(found) == self._value(child) else found))
            elif mine is not None:
                place = self._bare(child)
                self.observe(place, child, mine)
                if len(place) or child.tag in self._presence:
                    into.append(place)

    def place(self, node: etree._Element, root: etree._Element) -> str:
        """Where a node stands, in the operator's words."""
        way = [each for each in (node, *node.iterancestors()) if each is not root]
        return _words(tuple(self._identity(each) for each in reversed(way)), "")

    def survey(self, root: etree._Element) -> _Survey:
        found = _Survey({}, {})
        self._survey(root, (), found)
        return found

    def graft(
        self, into: etree._Element, other: etree._Element, known: dict[etree._Element, dict[Identity, etree._Element]]
    ) -> None:
        """`known`: children by identity of nodes that were grafted on before; they are very many when many are united."""
        if into not in known:
            known[into] = self._index(into)
        there = known[into]
        for identity, child in self._index(other).items():
            mine = there.get(identity)
            if mine is not None and len(child):
                self.graft(mine, child, known)
                continue
            there[identity] = child
            if mine is None:
                into.append(child)
            else:
                into.replace(mine, child)

    def statements(self, root: etree._Element) -> dict[str, str]:
        found: dict[str, str] = {}
        self._state(root, str(root.tag), "", found)
        return found

    def _state(self, node: etree._Element, tag: str, above: str, found: dict[str, str]) -> None:
        keys = self._keys.get(tag, ())
        for identity, child in self._index(node).items():
            name = identity[0]
            if name in keys:
                continue
            place = _place(above, tag, identity)
            if not len(child):
                found[place] = "" if name in self._leaf_lists else self._value_of(name, child)
                continue
            if name in self._keys or name in self._presence:
                found[place] = ""
            self._state(child, name, place, found)

    def keep(self, node: etree._Element, wanted: Mapping[str, str], above: str = "") -> list[etree._Element]:
        keys, kept = self._keys.get(str(node.tag), ()), []
        for identity, child in self._index(node).items():
            if child.tag in keys:
                continue
            place = _place(above, str(node.tag), identity)
            inner = self.keep(child, wanted, place)
            value = "" if len(child) or child.tag in self._leaf_lists else self._value(child)
            if not len(child) and wanted.get(place) == value:
                kept.append(deepcopy(child))
            elif inner or (len(child) and wanted.get(place) == value):
                shell = self._bare(child)
                shell.extend(inner)
                shell.extend(deepcopy(leaf) for leaf in child if leaf.tag in self._mandatory and shell.find(leaf.tag) is None)
                kept.append(shell)
        return kept

    def is_default(self, leaf: _Path, value: str) -> bool:
        return self._defaults.get(leaf[-1][0]) == value

    def is_neutral(self, leaf: _Path, value: str) -> bool:
        return leaf[-1][0] in self._mandatory or self.is_default(leaf, value)

    def foreign(self, ours: etree._Element, live: etree._Element) -> bool:
        """Whether the running node holds something that ours does not name."""
        own = self._index(ours)
        for identity, child in self._index(live).items():
            mine = own.get(identity)
            if mine is None:
                if self._defaults.get(str(child.tag)) != self._value(child) or len(child):
                    return True
            elif len(child) and self.foreign(mine, child):
                return True
        return False

    def _change(self, old: etree._Element | None, new: etree._Element, live: etree._Element | None) -> etree._Element | None:
        if old is None:
            return deepcopy(new)
        if not len(old) and not len(new):
            return None if self._value(old) == self._value(new) else deepcopy(new)
        return self._around(self.edits(old, new, live), new)

    def _removal(self, ours: etree._Element, live: etree._Element | None) -> etree._Element | None:
        if self._is_owned(ours) and (live is None or not self.foreign(ours, live)):
            gone = self._bare(ours)
            gone.set(_OPERATION, "remove")
            return gone
        keys, lives = self._keys.get(str(ours.tag), ()), self._index(live)
        inner = (
            self._removal(child, lives.get(identity))
            for identity, child in self._index(ours).items()
            if child.tag not in keys and child.tag not in self._mandatory
        )
        return self._around([edit for edit in inner if edit is not None], ours)

    def _survey(self, node: etree._Element, path: _Path, found: _Survey) -> None:
        keys = self._keys.get(str(node.tag), ())
        for identity, child in self._index(node).items():
            here = (*path, identity)
            if child.tag in self._keys:
                found.entries[here] = child
            if len(child):
                self._survey(child, here, found)
            elif child.tag not in keys:
                found.leaves[here] = self._value(child)

    def _is_owned(self, node: etree._Element) -> bool:
        """Whether it can come and go with a service: a leaf, a list entry or a container that means something by itself."""
        return not len(node) or node.tag in self._keys or node.tag in self._presence

    def _around(self, edits: list[etree._Element], node: etree._Element) -> etree._Element | None:
        """The node with its keys and these edits; None when the edits came to nothing."""
        if not edits:
            return None
        shell = self._bare(node)
        shell.extend(edits)
        return shell

    def _bare(self, node: etree._Element) -> etree._Element:
        """The node by name and keys alone."""
        bare = etree.Element(node.tag, nsmap=node.nsmap)  # type: ignore[arg-type]  # the stub forbids the default namespace
        if node.tag in self._leaf_lists:
            bare.text = node.text
        if keys := self._keys.get(str(node.tag)):
            bare.extend(deepcopy(child) for child in node.iterchildren(*keys))
        return bare

    def _index(self, node: etree._Element | None) -> dict[Identity, etree._Element]:
        return {} if node is None else {self._identity(child): child for child in node}

    def _identity(self, node: etree._Element) -> Identity:
        tag = str(node.tag)
        if (keys := self._keys.get(tag)) is not None:
            return tag, tuple([canonical(_text_of(node, key)) for key in keys])
        return tag, (self._value_of(tag, node),) if tag in self._leaf_lists else ()

    def _value(self, node: etree._Element) -> str:
        return self._value_of(str(node.tag), node)

    def _value_of(self, tag: str, node: etree._Element) -> str:
        text = (node.text or "").strip()
        if tag in self._identities:
            return text.rpartition(":")[2]
        return canonical(text)


def _read(content: str) -> etree._Element:
    """`_parse` for who changes nothing of the tree: an order's text is asked what it says, and then what leads to it and back.

    Several threads may read one tree.
    """
    return _kept(content) if len(content) <= LONGEST_READ else _parse(content)


def _parse(content: str) -> etree._Element:
    try:
        return etree.fromstring(f'<nc:config xmlns:nc="{BASE}">{content}</nc:config>', _PARSER)
    except etree.XMLSyntaxError as error:
        raise ValueError(f"not well-formed XML: {error.msg}") from error


_kept = lru_cache(maxsize=READ)(_parse)


def _bared(running: str | etree._Element) -> etree._Element:
    """A tree in which nothing stands between nodes and values, as `_parse` makes it: comments are taken out."""
    if isinstance(running, str):
        return _parse(running)
    if next(running.iter(etree.Comment), None) is None:
        return running
    return _parse("".join(etree.tostring(child, encoding="unicode", with_tail=False) for child in running))


def _text(node: etree._Element) -> str:
    """Of a part of a tree."""
    return _own_text(deepcopy(node))


def _own_text(node: etree._Element) -> str:
    """Of a node that nobody else has."""
    etree.cleanup_namespaces(node, keep_ns_prefixes=sorted(_spoken(node)))
    etree.indent(node)
    node.tail = None
    return etree.tostring(node, encoding="unicode")


def _text_of(node: etree._Element, name: str) -> str:
    """Of the first child of that name; "" without one."""
    for child in node.iterchildren(name):
        return (child.text or "").strip()
    return ""


def _spoken(node: etree._Element) -> set[str]:
    """Prefixes that values use (`ianaift:ethernetCsmacd`): they must stay declared though no name uses them."""
    qualified = ((child, child.text.strip().partition(":")[0]) for child in node.iter() if child.text and ":" in child.text)
    return {prefix for child, prefix in qualified if prefix in child.nsmap}


def _place(above: str, parent: str, identity: Identity) -> str:
    """Names a node among all; its namespace is said where it is not its parent's."""
    tag, keys = identity
    name = _name_within(parent, tag)
    return f"{above}/{name}[{']['.join(keys)}]" if keys else f"{above}/{name}"


@lru_cache(maxsize=4_096)
def _name_within(parent: str, tag: str) -> str:
    name = etree.QName(tag)
    return name.localname if name.namespace == etree.QName(parent).namespace else name.text


def _words(path: _Path, value: str) -> str:
    steps = (etree.QName(name).localname + "".join(f"[{key}]" for key in keys) for name, keys in path)
    return "/".join(steps) + (f" = {value}" if value else "")
