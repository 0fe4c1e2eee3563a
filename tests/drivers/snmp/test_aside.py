import asyncio
from threading import get_ident

import pytest

from drivers.snmp.aside import MANY, aside


@pytest.mark.parametrize(("elements", "beside"), [(1, False), (MANY, False), (MANY + 1, True)])
def test_work_on_many_elements_is_done_in_another_thread(elements: int, beside: bool) -> None:
    assert (asyncio.run(aside(elements, get_ident)) != get_ident()) is beside
