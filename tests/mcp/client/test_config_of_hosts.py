"""What hosts write into their configurations, and what nothing can be done with."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from agentloop import ConfigurationError
from agentloop.mcp.client.config import ServerEntry, servers_to_use
from agentloop.mcp.client.config_file import read_config, read_env_file
from agentloop.mcp.client.connection import Connection
from agentloop.mcp.client.remote import remote_tools
from orchestrator_client.setting_up import OWN_SERVER, own_server
from tests.mcp.client.test_remote import ODD_SERVER


def read(folder: Path, entry: Any, warnings: list[str] | None = None) -> ServerEntry:
    path = folder / "mcp.json"
    path.write_text(json.dumps({"mcpServers": {"git": entry}}), encoding="utf-8")
    return read_config(path, (warnings if warnings is not None else []).append)["git"]


@pytest.mark.requirement("config-of-hosts")
@pytest.mark.parametrize("switch", [{"disabled": True}, {"enabled": False}])
def test_a_disabled_server_is_never_started(tmp_path: Path, switch: dict[str, bool]) -> None:
    configured = {"off": read(tmp_path, {"command": "x"} | switch), "on": read(tmp_path, {"command": "y"})}
    assert list(servers_to_use([], configured, own_server({}))) == ["on"]
    with pytest.raises(ConfigurationError, match="--server off: this server is disabled in the configuration"):
        servers_to_use(["off"], configured, {})
    with pytest.raises(ConfigurationError, match="All servers of the configuration are disabled: off"):
        servers_to_use([], {"off": configured["off"]}, own_server({}))  # and not this project's own instead


@pytest.mark.slow
@pytest.mark.requirement("config-of-hosts")
@pytest.mark.parametrize(
    ("choice", "used"),
    [
        ({"allowedTools": ["echo", "t*"]}, ["echo", "twice"]),
        ({"tools": "echo"}, ["echo"]),
        ({"enabledTools": ["mcp__git__echo"]}, ["echo"]),
        ({"tools": ["*"], "disabledTools": ["[!e]*"]}, ["echo"]),
        ({"allowedTools": []}, []),
    ],
)
async def test_only_the_tools_that_the_configuration_names_are_used(
    tmp_path: Path, choice: dict[str, Any], used: list[str]
) -> None:
    entry = read(tmp_path, {"command": sys.executable, "args": [str(ODD_SERVER)]} | choice)
    async with Connection("git", entry, connect_timeout=20, server_log=sys.stderr) as connection:
        assert connection.error is None
        assert [tool.name for tool in remote_tools([connection], lambda _text: None)] == used


async def test_a_name_that_the_server_does_not_have_is_said(tmp_path: Path) -> None:
    entry = read(tmp_path, {"command": sys.executable, "args": [str(ODD_SERVER)], "disabledTools": ["git_rest"]})
    async with Connection("git", entry, connect_timeout=20, server_log=sys.stderr) as connection:
        assert connection.catalog.left_out == ("It has no tool git_rest, which the configuration names.",)


@pytest.mark.requirement("config-of-hosts")
def test_keys_without_an_effect_are_named_with_file_and_server(tmp_path: Path) -> None:
    warnings: list[str] = []
    entry = {
        "command": "x",
        "sandboxEnabled": True,
        "oauth": {"clientId": "c", "wrong": 1},
        "disabeld": True,
        "timeout": 60,
        "alwaysLoad": True,
        "_comment": "mine",
    }
    read(tmp_path, entry, warnings)
    place = f"{tmp_path / 'mcp.json'}: mcpServers.git: "
    assert [warning.removeprefix(place) for warning in warnings] == [
        "`sandboxEnabled` has no effect: the server runs without a sandbox",
        "`disabeld` is not known here and has no effect",
        "`oauth.wrong` is not known here and has no effect",
        "`timeout` is in milliseconds; less than 1000 has no effect",
    ]


def test_the_keys_of_all_hosts_mean_what_they_mean_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("# mine\nexport A=1\nB = 'two words'\n\nC=3\n", encoding="utf-8")
    entry = read(
        tmp_path,
        {"command": "x", "env": {"C": 4, "D": None}, "envFile": "${workspaceFolder}/.env", "timeout": 90_000},
    )
    assert entry.env == {"A": "1", "B": "two words", "C": "4"}
    assert entry.seconds == 90
    assert read(tmp_path, {"url": "http://h", "transport": "streamableHttp"}).type == "http"
    assert read(tmp_path, {"command": "x", "autoApprove": True}).allow == ("*",)
    assert read(tmp_path, {"command": "x", "alwaysAllow": ["a"]}).allow == ("a",)
    monkeypatch.setenv("TOKEN", "t")
    assert read(tmp_path, {"url": "http://h", "headers": {"A": "${env:TOKEN}"}}).headers == {"A": "t"}


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("sk-1 # mine", "sk-1"),
        ("'a # b'  # mine", "a # b"),
        ('"a"b" # "c"', 'a"b'),
        ("https://h/#part", "https://h/#part"),
        ("#1", "#1"),
        ('"half', '"half'),
        ("", ""),
    ],
)
def test_a_comment_after_a_variable_is_not_part_of_it(tmp_path: Path, written: str, value: str) -> None:
    (tmp_path / ".env").write_text(f"A={written}\nB=2 # last\n", encoding="utf-8")
    assert read_env_file(tmp_path / ".env") == {"A": value, "B": "2"}


def test_the_format_of_vs_code_is_read(tmp_path: Path) -> None:
    path = tmp_path / "mcp.json"
    path.write_text('\ufeff{"inputs": [], "servers": {"calc": {"type": "stdio", "command": "x"}}}', encoding="utf-8")
    assert read_config(path) == {"calc": ServerEntry(type="stdio", command="x")}


@pytest.mark.requirement("config")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            '{"mcpServers": {"a": {"command": "x",\n "timeout": %s}}}' % ("9" * 5000),
            r": a number of 5,000 digits",
        ),
        ('{"mcpServers": {"a": {"command": "x", "timeout": 1e999}}}', r": 1e999 is not a number that can be used"),
        ('{"mcpServers": {"a": {"command": "x", "timeout": NaN}}}', r": NaN is not a number that can be used"),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, r"nested too deeply"),
        ('{"mcpServers":\n{"a": {"command": "\\ud800"}}}', r": half a character"),
        ('{"mcpServers": {"a": {"command": "x\\u0000"}}}', r"mcpServers\.a\.command: has a NUL character"),
        ('{"mcpServers": {"\\u001b[31m": {"command": "x"}}}', r"server name '\ufffd\[31m' is wrong"),
        ('{\n  // mine\n  "mcpServers": {}}', r":2:3: not JSON: comments are not allowed"),
        ('{"mcpServers": {"a": {"command": "${input:key}"}}}', r"a\.command: \$\{input:key\} is known to VS Code only"),
        ('{"mcpServers": {"a": {"url": "ftp://h"}}}', r"a\.url: is not an http:// or https:// address"),
        ('{"mcpServers": {"a": {"url": "http://h:port"}}}', r"a\.url: is not an http:// or https:// address"),
        ('{"mcpServers": {"a": {"url": "http://h", "type": "stdio"}}}', r"`type` is stdio, which needs a `command`"),
        ('{"mcpServers": {"a": {"command": "x", "tools": [], "allowedTools": []}}}', r"`tools` and `allowedTools`"),
        (
            '{"mcpServers": {"a": {"command": "x", "envFile": "/dev/null/x"}}}',
            r"cannot read /dev/null/x: Not a dir",
        ),
        ('{"mcpServers": {"a": 7}}', r"mcpServers\.a: an object is needed"),
        ('{"mcpServers": {"a": {"url": "http://h", "headers": {"A": "b\\nc"}}}}', r"no HTTP header can have"),
    ],
)
def test_what_nothing_can_be_done_with_is_one_sentence_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "mcp.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=said) as caught:
        read_config(path)
    assert str(path) in str(caught.value)
    assert str(caught.value).isprintable()
    assert "Value error" not in str(caught.value)


@pytest.mark.requirement("config-secrets")
def test_credentials_of_a_url_are_in_no_name_and_no_text() -> None:
    ((name, entry),) = servers_to_use(["http://me:planted%40secret@h:1/mcp?key=planted-key"], {}, {}).items()
    assert name == "http://h:1/mcp"
    assert entry.address == "http://h:1/mcp?key=planted-key"
    assert entry.all_headers == {"Authorization": "Basic bWU6cGxhbnRlZEBzZWNyZXQ="}
    assert "planted" not in repr(entry)
    text = f"failed for {entry.url}, {entry.address}, with {entry.all_headers} and planted@secret"
    assert "planted" not in entry.without_secrets(text)
    assert "bWU6" not in entry.without_secrets(text)


@pytest.mark.parametrize("given", ["http://me:planted-secret@", "http://me:planted-secret@h:port/", "http://["])
def test_a_url_that_is_wrong_is_refused_without_its_credentials(given: str) -> None:
    with pytest.raises(ConfigurationError, match="not an http:// or https:// address") as caught:
        servers_to_use([given], {}, {})
    assert "planted" not in str(caught.value)


def test_the_own_server_has_its_own_name_and_nobody_elses_trust() -> None:
    servers = servers_to_use([OWN_SERVER, "mcp-calc-server-2"], {}, own_server({}))
    assert [entry.trusted for entry in servers.values()] == [True, False]
