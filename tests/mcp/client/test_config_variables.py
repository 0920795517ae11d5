"""Variables of the environment in a configuration."""

import json
from pathlib import Path

import pytest

from agentloop import ConfigurationError
from agentloop.mcp.client.config import ServerEntry
from agentloop.mcp.client.config_file import read_config


def read(folder: Path, entry: dict[str, object]) -> ServerEntry:
    path = folder / "config.json"
    path.write_text(json.dumps({"mcpServers": {"calc": entry}}), encoding="utf-8")
    return read_config(path)["calc"]


@pytest.mark.requirement("config-variables")
def test_variables_and_their_defaults_are_taken_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALC_HOME", "/opt/calc")
    monkeypatch.setenv("EMPTY", "")
    monkeypatch.delenv("UNSET", raising=False)
    started = read(tmp_path, {"command": "${CALC_HOME}/bin", "args": ["a${UNSET:-b}c"], "env": {"K": "${EMPTY:-d}"}})
    assert (started.command, started.args, started.env) == ("/opt/calc/bin", ("abc",), {"K": "d"})
    reached = read(tmp_path, {"url": "http://${UNSET:-127.0.0.1}/mcp", "headers": {"A": "Bearer ${CALC_HOME}$x${"}})
    assert (reached.url, reached.headers) == ("http://127.0.0.1/mcp", {"A": "Bearer /opt/calc$x${"})


@pytest.mark.requirement("config-variables")
def test_what_a_variable_holds_is_not_expanded_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTER", "${INNER}")
    assert read(tmp_path, {"command": "${OUTER}"}).command == "${INNER}"


@pytest.mark.requirement("config-variables")
@pytest.mark.parametrize(
    ("entry", "place"),
    [
        ({"command": "${UNSET}"}, r"mcpServers\.calc\.command"),
        ({"command": "x", "args": ["y", "${UNSET}"]}, r"mcpServers\.calc\.args\.1"),
        ({"command": "x", "env": {"KEY": "${UNSET}"}}, r"mcpServers\.calc\.env\.KEY"),
        ({"url": "http://${UNSET}"}, r"mcpServers\.calc\.url"),
        ({"url": "http://h", "headers": {"A": "${UNSET}"}}, r"mcpServers\.calc\.headers\.A"),
    ],
)
def test_a_variable_that_is_not_set_is_named_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entry: dict[str, object], place: str
) -> None:
    monkeypatch.delenv("UNSET", raising=False)
    with pytest.raises(ConfigurationError, match=rf"config\.json: {place}: the environment variable UNSET is not set"):
        read(tmp_path, entry)
