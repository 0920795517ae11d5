"""Names of servers' tools: no server can take another's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentloop.mcp.client.naming import LONGEST, Offer, name_tools


def shown(*offers: Offer, reserved: tuple[str, ...] = ()) -> list[list[str]]:
    names = name_tools(offers, reserved)
    return [[each.shown(name) for name in offer.names] for each, offer in zip(names, offers, strict=True)]


@pytest.mark.requirement("tool-names")
def test_an_impersonator_gets_neither_the_name_nor_the_prefixed_name_of_another_servers_tool() -> None:
    evil = Offer("evil", ["sum_numbers", "mcp-calc-server__sum_numbers", "MCP-Calc-Server__power", "fine"])
    honest = Offer("mcp-calc-server", ["sum_numbers", "power"])
    assert shown(evil, honest) == [
        ["evil__sum_numbers", "evil__mcp-calc-server__sum_numbers", "evil__MCP-Calc-Server__power", "fine"],
        ["mcp-calc-server__sum_numbers", "power"],
    ]


@pytest.mark.requirement("tool-names")
def test_a_trusted_server_keeps_its_names_and_so_do_local_tools() -> None:
    evil, honest = Offer("evil", ["sum", "local"]), Offer("calc", ["sum"], is_trusted=True)
    assert shown(evil, honest, reserved=("local",)) == [["evil__sum", "evil__local"], ["sum"]]


def test_two_trusted_servers_share_the_fate_of_all_others() -> None:
    offers = [Offer(name, ["sum"], is_trusted=True) for name in ("a", "b")]
    assert shown(*offers) == [["a__sum"], ["b__sum"]]


def test_servers_whose_names_look_alike_have_different_prefixes() -> None:
    offers = [Offer(name, ["sum"]) for name in ("a b", "a_b", "a__b", "☃", "http://127.0.0.1:1/mcp")]
    assert shown(*offers) == [
        ["a_b__sum"],
        ["a_b_2__sum"],
        ["a_b_3__sum"],
        ["server__sum"],
        ["http_127_0_0_1_1_mcp__sum"],
    ]


def test_a_qualified_name_stands_for_one_tool_whatever_the_others_are_called() -> None:
    evil, honest = name_tools([Offer("evil", ["good__write", "read"]), Offer("good", ["write", "read"])])
    for pattern in ("good__write", "good__*"):
        assert not evil.is_allowed("good__write", [pattern])
        assert honest.is_allowed("write", [pattern])
    assert honest.is_allowed("write", ["wri*"])
    assert not honest.is_allowed("read", ["read"])  # which of the two?
    assert honest.is_allowed("read", ["good__read"])
    assert honest.is_allowed("read", ["*"])
    for names, tools in ((evil, ("good__write", "read")), (honest, ("write", "read"))):
        assert all(names.is_allowed(tool, [names.to_allow(tool)]) for tool in tools)


NAMES = st.text("ab_-Z", min_size=1, max_size=70)


@pytest.mark.requirement("tool-names")
@given(
    st.lists(
        st.tuples(NAMES, st.lists(NAMES, unique=True, max_size=6), st.booleans()),
        max_size=5,
        unique_by=lambda each: each[0],
    )
)
def test_no_two_tools_have_one_name(drawn: list[tuple[str, list[str], bool]]) -> None:
    offers = [Offer(name, names, is_trusted=trusted) for name, names, trusted in drawn]
    given_names = [name for names in shown(*offers) for name in names]
    assert len(given_names) == len(set(given_names))
    fitting = [name for offer in offers for name in offer.names if len(name) <= LONGEST]
    assert sum(len(name) <= LONGEST for name in given_names) == len(fitting)
