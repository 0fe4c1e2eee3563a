"""Whether a worker that was overtaken has to own up: what one of its threads pushes is not forgotten by another."""

from types import SimpleNamespace

from agent.fulfillment.network import Network
from agent.fulfillment.stalls import Stalls
from drivers.port import Commitment
from tests.agent.fulfillment.fakes import FakeElement
from tests.agent.fulfillment.world import World


def test_what_is_pushed_to_one_element_is_owned_up_to_though_another_is_pushed_to_at_the_same_time(database, clock):
    world = World(database, clock, FakeElement("core", Commitment.CONFIRMED))
    network = Network("pln-1", (), world.settings, clock, clock.advance, lambda: None, Stalls(clock), lambda _: None)
    cannot_be_ended = SimpleNamespace(provisional=True, session_id="")

    class CanBeEnded:
        """Its thread goes on when the other one has said that it pushes."""

        provisional = True

        @property
        def session_id(self) -> str:
            network._about_to_push(cannot_be_ended)
            return "17"

    network._about_to_push(CanBeEnded())
    assert network.pushed


def test_who_pushes_only_where_the_session_can_be_ended_has_nothing_to_own_up_to(database, clock):
    world = World(database, clock, FakeElement("core", Commitment.CONFIRMED))
    network = Network("pln-1", (), world.settings, clock, clock.advance, lambda: None, Stalls(clock), lambda _: None)
    network._about_to_push(SimpleNamespace(provisional=True, session_id="17"))
    assert not network.pushed
