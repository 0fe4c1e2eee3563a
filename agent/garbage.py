"""Python's collector of garbage, told what a daemon is like.

It looks for rings of objects that nobody else knows, through all objects again and again. A daemon has a million that stay as
long as it runs (modules, catalog, routes), and makes thousands for each order that go by themselves: looking as often as Python
does by default was a fifth of what an order cost.
"""

import gc

YOUNG = 20_000
"""So many new objects are looked through at once; the default of 700 is one set of a few plans."""
GENERATIONS = 20, 50


def settle() -> None:
    """What is there now will stay and is not looked at any more; for when everything is loaded."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, *GENERATIONS)
