"""A wrong command line is one sentence on stderr that says what is wrong and where, and status 2."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from tests.in_process import server
from tests.journeys.test_cli import invoke

NEVER = ("planted", "Traceback", "Value error", "Error(", "[Errno", "urllib3", "pydantic", "For further information")


def client(*arguments: str) -> Result:
    return invoke(*arguments)


FILES = {
    "broken.json": '{"mcpServers": {}\n  "more": 1}',
    "empty-entry.json": '{"mcpServers": {"calc": {}}}',
    "deep.json": "[" * 100_000,
    "digits.json": '{"mcpServers": ' + "1" * 5000 + "}",
    "one.json": json.dumps({"mcpServers": {"calc": {"command": "true"}}}),
    "notes.txt": "mine",
    "broken_agents.py": "import json\n\nagent = nothing\n",
    "unparsable_agents.py": "agent = = 1\n",
    "importing_agents.py": "import a_module_that_is_not_there\n",
    "quitting_agents.py": "import sys\n\nsys.exit(3)\n",
    "no_agents.py": "agent = 1\n",
    "panicking_agents.py": "raise BaseException('a bug in Rust')\n",
    "untyped_agents.py": "from agentloop import tool\n\n\n@tool\ndef f(x) -> int: ...\n",
}
CASES: list[tuple[Callable[..., Result], str, str]] = [
    (client, "--nonsense 1", "No such option '--nonsense'"),
    (client, "--max-calls many 1", "'many' is not a valid integer"),
    (client, "--max-usd 1e999999999 1", "'1e999999999' is not an amount of money"),
    (client, "--max-usd -1 1", "'-1' is not an amount of money"),
    (client, "--max-usd nan 1", "'nan' is not an amount of money"),
    (client, "--deadline nan 1", "'nan' is not a number of seconds above 0"),
    (client, "--base-url nonsense 1", "Invalid value for '--base-url': it is not an http:// or https:// address with"),
    (client, "--base-url ftp://u:planted@h/ 1", "it is not an http:// or https:// address with a host"),
    (client, "--base-url http://h:port 1", "it is not an http:// or https:// address with a host"),
    (client, "add reports ftp://h/mcp", "ftp://h/mcp is not an http:// or https:// address."),
    (server, "--base-url http://", "Invalid value for '--base-url': it is not an http:// or https:// address with"),
    (client, "--deadline inf 1", "'inf' is not a number of seconds above 0"),
    (client, "--connect-timeout 0 1", "'0' is not a number of at least 0.1 seconds"),
    (client, "--policy none 1", "'none' is not one of 'all', 'best-effort'"),
    (client, "--config missing.json 1", "Cannot read missing.json: No such file or directory"),
    (client, "tools --config missing.json", "Cannot read missing.json: No such file or directory"),
    (client, "timeline missing.jsonl", "Cannot read missing.jsonl: No such file or directory."),
    (client, "timeline", "Missing argument 'RECORDING'"),
    (client, "list the prices", "Got unexpected extra arguments (the prices). If this is a question, quote it."),
    (client, "-5 + 3", "No such option '-5'. If this is a question, put -- before it: "),
    (client, "timeline of the war", "Got unexpected extra arguments (the war). If this is a question, quote it."),
    (client, "--config broken.json 1", "broken.json:2:3: not JSON: "),
    (client, "--config empty-entry.json 1", "empty-entry.json: mcpServers.calc: needs either a `command` to start or"),
    (client, "--config deep.json 1", "deep.json: objects and lists are nested too deeply"),
    (client, "--config digits.json 1", "digits.json: a number of 5,000 digits"),
    (client, "--config one.json --server clac 1", "an installed command. Configured servers: calc."),
    (client, "--server no-such-command 1", "--server 'no-such-command' is not a configured server, a URL or an"),
    (
        client,
        "--timeline notes.txt 1",
        "Cannot write the timeline to notes.txt: The file exists and is not one of ours.",
    ),
    (client, "--log-file new.txt --events ./new.txt 1", "--log-file and --events name the same file, new.txt."),
    (client, "--events new.txt --timeline new.txt 1", "--events and --timeline name the same file, new.txt."),
    (client, "--durable --durable-dir notes.txt/x 1", "Cannot store the run in notes.txt/x: Not a directory."),
    (client, "resume --durable-dir . 0123456789ab", "There is no run 0123456789ab in "),
    (server, "--publish no_module_of_this_name:agent", "there is no module no_module_of_this_name in this folder"),
    (server, "--publish broken_agents:agent", "broken_agents.py:3: name 'nothing' is not defined"),
    (server, "--publish unparsable_agents:agent", "unparsable_agents.py:1: invalid syntax"),
    (client, "add x http://127.0.0.1:9/mcp --header Token:=hidden --header secret", "--header takes NAME:VALUE."),
    (client, "add x true --env secret", "--env takes NAME=VALUE."),
    (server, "--publish importing_agents:agent", "importing_agents.py:1: No module named 'a_module_that_is_not_there'"),
    (server, "--publish no_agents:agent", "is of type int, not an Agent, a Tool or a list of them."),
    (server, "--offline --durable nowhere:runs", "A store is sqlite:PATH or postgresql://"),
    (server, "--offline --durable sqlite:notes.txt/runs", "notes.txt/runs cannot be used: "),
    (server, "--offline --durable sqlite:x --respond-within nan", "'nan' is not a number of seconds above 0"),
    (server, "--transport sse --token-file missing", "Cannot read the token from missing: No such file or directory."),
    (server, "--port 9000", "--port needs --transport streamable-http (or sse): stdio does not listen."),
    (server, "--host 0.0.0.0", "--host needs --transport"),
    (server, "--path /mcp", "--path needs --transport"),
    (server, "--trusted-proxy 127.0.0.1", "--trusted-proxy needs --transport"),
    (server, "--publish quitting_agents:agent", "quitting_agents.py:3: it ends the program"),
    (server, "--publish panicking_agents:agent", "panicking_agents.py:1: a bug in Rust"),
    (server, "--publish untyped_agents:f", "untyped_agents.py:4: f: parameter 'x' must be annotated"),
    (server, "--publish ./agents:f", "--publish ./agents:f: write module:attribute"),
]


@pytest.mark.requirement("one-sentence")
@pytest.mark.parametrize(("command", "arguments", "said"), CASES, ids=[arguments for _, arguments, _ in CASES])
def test_a_wrong_command_line_is_one_sentence(
    command: Callable[..., Result], arguments: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    result = command(*arguments.split())
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith(("orchestrator-client", "mcp-calc-server"))
    assert said in line
    assert not [words for words in NEVER if words in line]
    assert (tmp_path / "notes.txt").read_text() == "mine"
