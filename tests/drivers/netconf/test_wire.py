"""A session with one that does not keep to what it may send."""

import pytest

from drivers.netconf.wire import DrivenSession
from tests.drivers.netconf.test_line import Server, until
from tests.drivers.netconf.test_opening import connected
from tests.drivers.simulated import soon


@pytest.mark.parametrize(("more", "stays"), [(0, True), (1, False)])
def test_one_that_sends_more_than_it_may_while_nobody_reads_is_not_listened_to(more: int, stays: bool) -> None:
    with Server() as server, connected(server) as line:
        line.auth_none("anybody")
        session = DrivenSession(line)
        session.begin(soon())  # it gives back this side's hello
        allowed = line.default_window_size = 10_000  # it was told another number
        server.say(bytes(allowed + more - session._unacknowledged))

        def heard() -> bool:
            session.heed()
            return session._unacknowledged >= allowed + more

        until(heard)
        assert session.usable == line.is_active() == stays
        session.close()
