"""A document as text or as data, and on which line each part of it stands."""

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from inventory.errors import InvalidDocument, Problem

Path = tuple[str | int, ...]
"""Keys and positions from the root: ("elements", 2, "name")."""

_Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml reads large networks ten times faster; it is not everywhere."""
MOST_NODES = 5_000_000
"""After aliases are followed: no text of a few lines may stand for a gigabyte."""
MOST_LEVELS = 100
"""Far more than any document has. libyaml ends the process where it nests some ten thousand deep."""


@dataclass(frozen=True, slots=True)
class Source:
    file: str
    data: Mapping[str, Any]
    root: yaml.Node | None = None

    @staticmethod
    def of_text(text: str, file: str) -> "Source":
        """YAML or JSON. Raises `InvalidDocument` when it is neither, is no mapping, or names a key twice."""
        loader = _Loader(text)
        try:
            _refuse_depth(text, file)
            root = loader.get_single_node()
            if root is not None:
                _refuse_explosion(root, file)
            data = loader.construct_document(root) if root is not None else {}
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            problem = str(getattr(error, "problem", error))
            raise _unreadable(file, mark.line + 1 if mark else 1, problem) from None
        except (ValueError, RecursionError) as error:
            raise _unreadable(file, 1, str(error)) from None
        finally:
            loader.dispose()
        if not isinstance(data, dict):
            raise _unreadable(file, 1, "the document is not a mapping of sites, elements, links and pools")
        if repeated := list(_repeated(root, ())):
            message, remedy = "the key stands here twice", "remove one of them"
            raise InvalidDocument([Problem(file, line, written(path), message, remedy) for path, line in repeated])
        return Source(file, data, root)

    @staticmethod
    def of_data(data: Mapping[str, Any], file: str) -> "Source":
        """What came over an API; its problems have no lines."""
        return Source(file, data)

    def problem(self, path: Path, message: str, remedy: str) -> Problem:
        return Problem(self.file, self.line(path), written(path), message, remedy)

    def line(self, path: Path) -> int:
        """Of the nearest part of `path` that the text has; 0 without a text."""
        if self.root is None:
            return 0
        line, node = self.root.start_mark.line, self.root
        for step in path:
            found = _child(node, step)
            if found is None:
                break
            line, node = found
        return int(line) + 1


def written(path: Path) -> str:
    """As people write it: elements[2].ports[0].name."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")


def _child(node: yaml.Node, step: str | int) -> tuple[int, yaml.Node] | None:
    """The line and the node one step down; the line of a mapping's entry is that of its key."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if str(key.value) == str(step):
                return key.start_mark.line, value
    elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        child = node.value[step]
        return child.start_mark.line, child
    return None


def _repeated(node: yaml.Node | None, path: Path) -> Iterator[tuple[Path, int]]:
    if isinstance(node, yaml.MappingNode):
        seen: set[Hashable] = set()
        for key, value in node.value:
            here = (*path, str(key.value))
            if key.value in seen and key.tag != "tag:yaml.org,2002:merge":
                yield here, key.start_mark.line + 1
            seen.add(key.value if isinstance(key.value, str) else id(key))
            yield from _repeated(value, here)
    elif isinstance(node, yaml.SequenceNode):
        for position, item in enumerate(node.value):
            yield from _repeated(item, (*path, position))


def _refuse_depth(text: str, file: str) -> None:
    """Reads it once more, without building anything."""
    level = 0
    for event in yaml.parse(text, Loader=_Loader):
        level += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if level > MOST_LEVELS:
            line = event.start_mark.line + 1 if event.start_mark else 1
            raise _unreadable(file, line, f"the document nests deeper than {MOST_LEVELS} levels")


def _refuse_explosion(root: yaml.Node, file: str) -> None:
    """Size of the tree that aliases stand for, each node counted once; an alias to what contains it has no end."""
    sizes: dict[int, int] = {}
    stack: list[tuple[yaml.Node, bool]] = [(root, False)]
    while stack:
        node, entered = stack.pop()
        children = _children(node)
        if entered:
            sizes[id(node)] = 1 + sum(sizes[id(child)] for child in children)
            if sizes[id(node)] > MOST_NODES:
                raise _unreadable(file, node.start_mark.line + 1, f"the document has more than {MOST_NODES} parts")
        elif id(node) not in sizes:
            sizes[id(node)] = MOST_NODES + 1  # whoever meets it before it is finished is inside it
            stack.append((node, True))
            stack.extend((child, False) for child in children)


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for entry in node.value for part in entry]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _unreadable(file: str, line: int, message: str) -> InvalidDocument:
    return InvalidDocument([Problem(file, line, "", message, "correct the YAML")])
