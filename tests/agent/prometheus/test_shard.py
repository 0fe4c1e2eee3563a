import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.shard import MOST, WHOLE, Shard


@given(st.text(), st.integers(1, 50))
def test_every_name_is_in_exactly_one_shard(name, shards):
    assert sum(name in shard for shard in Shard.all_of(shards)) == 1


def test_a_name_stays_in_its_shard_across_versions():
    assert [shard.number for shard in Shard.all_of(4) for name in ("pe1", "pe2", "sw1") if name in shard] == [0, 0, 2]


def test_what_is_written_is_read():
    assert Shard.read("3/7") == Shard(3, 7)
    assert str(Shard(3, 7)) == "3/7"
    assert "anything" in WHOLE


@pytest.mark.parametrize("text", ["4/4", "-1/4", "0/0", f"0/{MOST + 1}", "1", "a/b", "1/2/3", "1/2\n", "\u0663/\u0667", " 1/2", ""])
def test_a_shard_that_does_not_exist_is_refused(text):
    with pytest.raises(ValueError, match="shard"):
        Shard.read(text)
