"""Bills add up, and one from another process is read with care."""

from hypothesis import given
from hypothesis import strategies as st

from agentloop import ModelUsage, Usage
from agentloop.usage import sum_of

counts = st.integers(0, 10**9)
amounts = st.none() | st.decimals(0, 10**6, places=6)
model_usages = st.builds(ModelUsage, counts, counts, counts, counts, counts, amounts, counts)
usages = st.dictionaries(st.sampled_from(["haiku", "sonnet", "opus"]), model_usages).map(Usage)


@given(usages, usages, usages)
def test_bills_add_up_in_any_order(one: Usage, two: Usage, three: Usage) -> None:
    assert one + two + three == three + (two + one)
    assert (one + two).requests == one.requests + two.requests
    assert one + Usage() == one
    assert sum_of([one, two, three]) == one + two + three


@given(usages)
def test_a_usage_comes_through_json_as_it_was(usage: Usage) -> None:
    assert Usage.from_json(usage.to_json()) == usage
    assert bool(usage) == bool(usage.by_model)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=8,
    )
)
def test_what_is_no_usage_is_left_out(value: object) -> None:
    assert Usage.from_json(value).requests == 0


def test_figures_that_are_missing_or_null_count_as_nothing() -> None:
    usage = ModelUsage.from_json({"requests": 1, "input_tokens": None, "output_tokens": "many", "unknown": 3})
    assert usage == ModelUsage(requests=1)
