"""The functions as coroutine functions: what is short is calculated at once, everything else in a thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentloop import ToolError
from mcp_calc_server import arithmetic
from mcp_calc_server.calculator import FUNCTIONS, math_tools, math_tools_async, short_at_once
from mcp_calc_server.exact import SHORT_CHARACTERS, Calculation, Number, are_short

LONGEST_RESULT = 4 * SHORT_CHARACTERS
"""Characters: 1 divided by a power of 2 has as many places as the power has bits."""

decimals = st.decimals(allow_nan=False, allow_infinity=False, places=3).map(str)
numbers = st.one_of(
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    decimals,
    st.from_regex(r"[0-9]{1,60}/[1-9][0-9]{0,60}", fullmatch=True),
    st.sampled_from(["1e3000", "1E-3000", Decimal("1E+300"), 10**50, 2**330]),
)


def where(**_arguments: Any) -> str:
    return "the loop" if threading.current_thread() is threading.main_thread() else "a thread"


@pytest.mark.requirement("short-sums-at-once")
@pytest.mark.parametrize(
    ("arguments", "place"),
    [
        ({"numbers": ["19.99", 2, 0.5, Decimal("1.25")]}, "the loop"),
        ({"a": "1/3", "b": "2.5"}, "the loop"),
        ({"x": "9" * (SHORT_CHARACTERS - 2)}, "the loop"),
        ({"x": "9" * (SHORT_CHARACTERS - 1)}, "a thread"),
        ({"numbers": ["1"] * SHORT_CHARACTERS}, "a thread"),
        ({"x": "1e3000"}, "a thread"),
        ({"x": Decimal("1E+3000")}, "a thread"),
        ({"x": 10**5000}, "a thread"),  # which Python does not print
        ({"numbers": "not a list, and " + "very long" * SHORT_CHARACTERS}, "a thread"),
    ],
)
async def test_what_is_short_is_calculated_at_once(arguments: dict[str, Any], place: str) -> None:
    assert await short_at_once(where)(**arguments) == place


class Counting(ThreadPoolExecutor):
    """The event loop's threads, and how much was sent to them."""

    sent = 0

    def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        self.sent += 1
        return super().submit(function, *args, **kwargs)


async def test_of_short_calculations_only_a_power_is_sent_to_a_thread() -> None:
    threads = Counting(max_workers=1)
    asyncio.get_running_loop().set_default_executor(threads)
    sent = {}
    for tool in math_tools_async():
        names = list(tool.spec.input_schema["properties"])
        sent[tool.name] = -threads.sent
        await tool.function(**({"numbers": [1, 2]} if names == ["numbers"] else dict.fromkeys(names, "2")))
        sent[tool.name] += threads.sent
    assert {name for name, sent in sent.items() if sent} == {"power"}


@given(st.sampled_from([f for f in FUNCTIONS if f is not arithmetic.power]), numbers, st.lists(numbers, max_size=30))
def test_what_is_calculated_at_once_has_no_long_result(function: Any, first: Number, more: Sequence[Number]) -> None:
    arguments: list[Any] = [[first, *more]] if function in LISTS else [first, *more][: arity(function)]
    if len(arguments) < arity(function) or not are_short(arguments):
        return
    try:
        result: Calculation = function(*arguments)
    except ToolError:
        return
    assert len(result.result) <= LONGEST_RESULT


LISTS = {arithmetic.sum_numbers, arithmetic.multiply_numbers}


def arity(function: Any) -> int:
    return 2 if function in {arithmetic.subtract_numbers, arithmetic.divide_numbers} else 1


@given(st.lists(numbers, min_size=1, max_size=5))
async def test_both_kinds_of_tools_give_the_same(values: list[Number]) -> None:
    for sync, coroutine in zip(math_tools(), math_tools_async(), strict=True):
        names = list(sync.spec.input_schema["properties"])
        arguments = {"numbers": values} if names == ["numbers"] else dict(zip(names, values * 2, strict=False))
        assert await outcome(coroutine.function, arguments) == await outcome(
            partial(asyncio.to_thread, sync.function), arguments
        )
        assert coroutine.is_async
        assert not sync.is_async


async def outcome(function: Any, arguments: dict[str, Any]) -> object:
    try:
        return await function(**arguments)
    except ToolError as error:
        return str(error)
