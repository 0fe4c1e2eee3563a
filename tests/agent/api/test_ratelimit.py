from agent.api.ratelimit import RateLimiter


def test_an_allowance_is_spent_and_comes_back_with_time(clock):
    limiter = RateLimiter(60, clock.monotonic)
    assert [limiter.take("a") for _ in range(61)] == [0] * 60 + [1]
    clock.advance(2)
    assert [limiter.take("a") for _ in range(3)] == [0, 0, 1]


def test_callers_do_not_spend_each_others_allowance(clock):
    limiter = RateLimiter(1, clock.monotonic)
    assert (limiter.take("a"), limiter.take("a"), limiter.take("b")) == (0, 60, 0)


def test_an_allowance_never_grows_beyond_a_minute(clock):
    limiter = RateLimiter(2, clock.monotonic)
    limiter.take("a")
    clock.advance(3600)
    assert [limiter.take("a") > 0 for _ in range(3)] == [False, False, True]


def test_only_so_many_callers_are_remembered(clock):
    limiter = RateLimiter(1, clock.monotonic, max_callers=2)
    for caller in ("a", "b", "a", "c"):
        limiter.take(caller)
    assert len(limiter._buckets) == 2
    assert limiter.take("a") > 0
    assert limiter.take("b") == 0
