"""The circuit breaker of a server."""

from agentloop.mcp.client.breaker import FAILURES, FIRST_OPEN, LONGEST_OPEN, Breaker


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def opened() -> tuple[Breaker, Clock]:
    clock = Clock()
    breaker = Breaker(clock)
    for _ in range(FAILURES):
        assert breaker.admit()
        breaker.failed()
    return breaker, clock


def test_it_is_closed_until_a_server_fails_several_times_in_a_row() -> None:
    breaker = Breaker(Clock())
    for _ in range(10):
        breaker.failed()
        breaker.succeeded()
    assert (breaker.state, breaker.admit()) == ("closed", True)


def test_open_it_admits_nothing_until_the_rest_is_over() -> None:
    breaker, clock = opened()
    assert (breaker.state, breaker.admit()) == ("open", False)
    clock.now += FIRST_OPEN
    assert breaker.state == "half-open"


def test_half_open_it_admits_one_probe() -> None:
    breaker, clock = opened()
    clock.now += FIRST_OPEN
    assert [breaker.admit() for _ in range(5)] == [True, False, False, False, False]


def test_a_probe_that_is_answered_closes_it() -> None:
    breaker, clock = opened()
    clock.now += FIRST_OPEN
    assert breaker.admit()
    breaker.succeeded()
    assert (breaker.state, breaker.admit(), breaker.admit()) == ("closed", True, True)


def test_a_probe_that_fails_opens_it_for_longer_up_to_a_bound() -> None:
    breaker, clock = opened()
    rests = []
    for _ in range(10):
        began = clock.now
        while breaker.state == "open":
            clock.now += 0.5
        rests.append(clock.now - began)
        assert breaker.admit()
        breaker.failed()
    assert rests[:4] == [1.0, 2.0, 4.0, 8.0]
    assert max(rests) == LONGEST_OPEN


def test_a_probe_whose_caller_gave_up_lets_another_one_go() -> None:
    breaker, clock = opened()
    clock.now += FIRST_OPEN
    assert breaker.admit()
    breaker.forget()
    assert breaker.admit()
