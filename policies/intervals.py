"""More algebra of half-open intervals than the values of the cellar need."""

from collections.abc import Iterable

from policies.values import Interval, merge


def common(these: Iterable[Interval], those: Iterable[Interval]) -> list[Interval]:
    """The time in both unions, in one pass over the two."""
    left, right = merge(these), merge(those)
    found: list[Interval] = []
    i = j = 0
    while i < len(left) and j < len(right):
        shared = left[i].intersect(right[j])
        if shared is not None:
            found.append(shared)
        if left[i].end <= right[j].end:
            i += 1
        else:
            j += 1
    return found
