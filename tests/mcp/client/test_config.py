"""Which servers are used, and what a started one is given."""

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from agentloop import ConfigurationError
from agentloop.mcp.client.config import ServerEntry, servers_to_use
from agentloop.mcp.client.config_file import read_config
from agentloop.mcp.client.connection import Connection
from offline_model.choice import choose_model
from orchestrator_client.setting_up import OWN_SERVER, own_server, servers_from

OWN_ENV = {"ANTHROPIC_API_KEY": "own-secret"}


def write(folder: Path, config: Any) -> Path:
    path = folder / "config.json"
    path.write_text(config if isinstance(config, str) else json.dumps(config), encoding="utf-8")
    return path


@pytest.mark.requirement("config")
def test_a_config_as_hosts_write_it_is_read(tmp_path: Path) -> None:
    config = {
        "theme": "dark",
        "mcpServers": {
            "calc": {"command": "uvx", "args": ["calc", "--fast"], "env": {"KEY": "v"}, "cwd": "/srv", "x": 1},
            "web": {"type": "http", "url": "https://example.com/mcp", "headers": {"Authorization": "Bearer t"}},
            "old": {"type": "sse", "url": "http://127.0.0.1:8000/sse"},
        },
    }
    servers = read_config(write(tmp_path, config))
    assert list(servers) == ["calc", "web", "old"]
    assert servers["calc"] == ServerEntry(command="uvx", args=("calc", "--fast"), env={"KEY": "v"}, cwd=Path("/srv"))
    assert servers["web"].headers == {"Authorization": "Bearer t"}
    assert (servers["old"].url, servers["old"].type) == ("http://127.0.0.1:8000/sse", "sse")


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ('{\n  "mcpServers": {,}\n}', r"config\.json:2:\d+: not JSON: "),
        ("", r"config\.json:1:1: not JSON: "),
        ([], r"config\.json: mcpServers: "),
        ({"mcpservers": {}}, r"config\.json: mcpServers: is missing"),
        ({"mcpServers": {"good": {"command": "x"}, "bad": {"command": 7}}}, r"mcpServers\.bad\.command: .*string"),
        ({"mcpServers": {"bad": {"command": "x", "args": [1]}}}, r"mcpServers\.bad\.args\.0: "),
        ({"mcpServers": {"bad": {"command": "x", "url": "http://h"}}}, r"mcpServers\.bad: .*either a `command`"),
        ({"mcpServers": {"bad": {"env": {}}}}, r"mcpServers\.bad: .*either a `command`"),
        ({"mcpServers": {"bad": {"url": "http://h", "type": "pigeon"}}}, r"mcpServers\.bad\.type: "),
    ],
)
@pytest.mark.requirement("config")
def test_a_wrong_config_says_where_it_is_wrong(tmp_path: Path, config: Any, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        read_config(write(tmp_path, config))


def test_a_config_that_is_not_there_or_not_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"Cannot read .*missing\.json"):
        read_config(tmp_path / "missing.json")
    with pytest.raises(ConfigurationError, match="Cannot read "):
        read_config(tmp_path)
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError, match=r"Cannot read .*binary\.json"):
        read_config(tmp_path / "binary.json")


def test_an_error_in_a_config_does_not_show_its_secrets(tmp_path: Path) -> None:
    entry = {"command": "x", "url": "http://h", "env": {"KEY": "planted-secret"}, "headers": {"A": "planted-secret"}}
    with pytest.raises(ConfigurationError) as caught:
        read_config(write(tmp_path, {"mcpServers": {"bad": entry}}))
    assert "planted-secret" not in str(caught.value)


def test_secrets_of_an_entry_do_not_show_when_it_is_printed() -> None:
    entry = ServerEntry(command="x", env={"KEY": "planted-secret"}, headers={"Authorization": "planted-secret"})
    assert "planted-secret" not in repr(entry) + str(entry)


def test_without_words_and_config_the_projects_own_server_is_used() -> None:
    (name, entry), *rest = servers_to_use([], {}, own_server(OWN_ENV)).items()
    assert (name, rest) == (OWN_SERVER, [])
    assert (entry.command, entry.args) == (sys.executable, ("-m", "mcp_calc_server"))


def test_without_words_all_configured_servers_are_used_and_no_other() -> None:
    configured = {"a": ServerEntry(command="a"), "b": ServerEntry(url="http://b")}
    assert servers_to_use([], configured, own_server(OWN_ENV)) == configured


def test_a_word_may_name_a_configured_server() -> None:
    configured = {"a": ServerEntry(command="first"), "b": ServerEntry(url="http://b")}
    assert servers_to_use(["b"], configured, own_server(OWN_ENV)) == {"b": configured["b"]}


def test_a_configured_server_comes_before_the_own_one_of_the_same_name() -> None:
    configured = {OWN_SERVER: ServerEntry(command="theirs")}
    assert servers_to_use([OWN_SERVER], configured, own_server(OWN_ENV)) == configured


@pytest.mark.parametrize(
    ("word", "url", "kind"),
    [
        ("http://127.0.0.1:8000/mcp", "http://127.0.0.1:8000/mcp", None),
        ("https://example.com/mcp", "https://example.com/mcp", None),
        ("sse+http://127.0.0.1:8000/sse", "http://127.0.0.1:8000/sse", "sse"),
        ("sse+https://example.com/sse", "https://example.com/sse", "sse"),
    ],
)
def test_a_word_may_be_a_url(word: str, url: str, kind: str | None) -> None:
    ((name, entry),) = servers_to_use([word], {}, own_server(OWN_ENV)).items()
    assert (name, entry.url, entry.type, entry.command) == (word, url, kind, None)


def test_the_scheme_of_a_url_may_have_capitals() -> None:
    assert [*servers_to_use(["HTTPS://example.com/Mcp"], {})] == ["https://example.com/Mcp"]


def test_a_word_may_be_a_command_with_quotes() -> None:
    ((name, entry),) = servers_to_use(
        ["/opt/my\\ tools/serve --title 'two words' \"\""], {}, own_server(OWN_ENV)
    ).items()
    assert name == "serve"
    assert (entry.command, entry.args) == ("/opt/my tools/serve", ("--title", "two words", ""))


def test_the_own_server_may_be_given_arguments() -> None:
    ((name, entry),) = servers_to_use([f"{OWN_SERVER} --offline"], {}, own_server(OWN_ENV)).items()
    assert (name, entry.args) == (OWN_SERVER, ("-m", "mcp_calc_server", "--offline"))


def test_a_command_gets_a_number_only_if_a_server_of_its_name_is_used_too() -> None:
    configured = {"git": ServerEntry(command="other")}
    assert list(servers_to_use(["git --x"], configured, {})) == ["git"]
    assert list(servers_to_use(["git --x", "git"], configured, {})) == ["git-2", "git"]
    assert list(servers_to_use(["git", "git --x", "git --y"], configured, {})) == ["git", "git-2", "git-3"]


def test_the_own_server_may_be_given_as_a_path() -> None:
    choice = choose_model("some-model", base_url="http://127.0.0.1:1")
    script = Path(sys.executable).with_name(OWN_SERVER)
    ((name, entry),) = servers_from(None, [f"{shlex.quote(str(script))} --calculator"], choice).items()
    assert (name, entry.command, entry.args[-1]) == (OWN_SERVER, sys.executable, "--calculator")
    assert entry.env["ANTHROPIC_BASE_URL"] == "http://127.0.0.1:1"


@pytest.mark.parametrize("word", ["", "  ", '"unclosed', "''"])
def test_a_word_that_is_nothing_is_refused(word: str) -> None:
    with pytest.raises(ConfigurationError, match="neither a configured server, a URL nor a command"):
        servers_to_use([word], {}, own_server(OWN_ENV))


def test_servers_of_one_name_are_reported_apart() -> None:
    words = [OWN_SERVER, "calc --a", "calc --b", OWN_SERVER, "/bin/calc", "http://h", "http://h"]
    servers = servers_to_use(words, {}, own_server(OWN_ENV))
    assert list(servers) == [OWN_SERVER, "calc", "calc-2", f"{OWN_SERVER}-2", "calc-3", "http://h", "http://h-2"]
    assert servers["calc-2"].args == ("--b",)


def test_a_command_never_takes_the_name_of_a_configured_server() -> None:
    configured = {"calc-2": ServerEntry(command="theirs")}
    servers = servers_to_use(["calc --a", "calc --b", "calc-2"], configured, own_server(OWN_ENV))
    assert {name: entry.args for name, entry in servers.items()} == {
        "calc": ("--a",),
        "calc-3": ("--b",),
        "calc-2": (),
    }


@pytest.mark.requirement("own-server-credentials")
def test_only_the_own_server_is_given_the_credentials() -> None:
    configured = {"theirs": ServerEntry(command="python", env={"KEY": "theirs"})}
    servers = servers_to_use([OWN_SERVER, "python serve.py", "theirs"], configured, own_server(OWN_ENV))
    assert {name: dict(entry.env) for name, entry in servers.items()} == {
        OWN_SERVER: OWN_ENV,
        "python": {},
        "theirs": {"KEY": "theirs"},
    }


@pytest.mark.requirement("foreign-server-environment")
async def test_a_started_server_sees_what_its_entry_gives_it_and_no_credential(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "planted-secret")
    monkeypatch.setenv("OTHER_TOKEN", "planted-secret")
    seen = tmp_path / "seen.json"
    script = "import json, os, sys; json.dump(dict(os.environ), open(sys.argv[1], 'w'))"
    entry = ServerEntry(command=sys.executable, args=("-c", script, str(seen)), env={"GIVEN": "yes"})
    async with Connection("printer", entry, connect_timeout=10, server_log=sys.stderr) as connection:
        assert not connection.is_up
    environment = json.loads(seen.read_text(encoding="utf-8"))
    assert "planted-secret" not in environment.values()
    assert environment["GIVEN"] == "yes"
    assert environment["PATH"]


@pytest.mark.requirement("own-server-credentials")
async def test_the_own_server_sees_the_credentials_it_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mcp_calc_server.py").write_text(
        "import json, os, sys; json.dump(dict(os.environ), open(sys.argv[1], 'w'))", encoding="utf-8"
    )
    seen = tmp_path / "seen.json"
    ((name, entry),) = servers_to_use([f"{OWN_SERVER} {seen}"], {}, own_server(OWN_ENV)).items()
    # In its folder, `-m mcp_calc_server` is the script.
    entry = entry.model_copy(update={"cwd": tmp_path})
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "not for the server")
    async with Connection(name, entry, connect_timeout=10, server_log=sys.stderr):
        pass
    environment = json.loads(seen.read_text(encoding="utf-8"))
    assert environment["ANTHROPIC_API_KEY"] == "own-secret"
    assert "ANTHROPIC_AUTH_TOKEN" not in environment
