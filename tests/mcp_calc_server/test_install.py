"""`mcp-calc-server install`, in a home of its own, and what it wrote started exactly as written."""

import json
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from agentloop.mcp.client.hosts import config_files
from tests.in_process import server
from tests.processes import SERVER, OwnedClient, environment, run

PLACES = {
    "claude-desktop": ".config/Claude/claude_desktop_config.json",
    "claude-code": ".claude.json",
    "cursor": ".cursor/mcp.json",
}
TOOLS = 7
OTHERS = {
    "théme": "dunkel ☾",
    "mcpServers": {"other": {"command": "/bin/other", "args": ["--x"], "env": {"A": "1"}}},
    "numbers": [1, 2.5, None, True],
}


def install(home: Path, *arguments: str) -> Result:
    return server("install", *arguments, HOME=str(home))


def entry(home: Path, host: str = "cursor") -> dict[str, Any]:
    written: dict[str, Any] = json.loads((home / PLACES[host]).read_text(encoding="utf-8"))
    found: dict[str, Any] = written["mcpServers"]["calculator"]
    return found


def configured(home: Path, text: str | None = None) -> Path:
    """A configuration of Cursor that is there already."""
    path = home / PLACES["cursor"]
    path.parent.mkdir()
    path.write_text(json.dumps(OTHERS, indent=2, ensure_ascii=False) if text is None else text, encoding="utf-8")
    return path


def files(folder: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def started_by(home: Path, host: str) -> tuple[str, list[str], dict[str, str]]:
    """What a host starts: command, arguments, environment."""
    written = entry(home, host)
    return written["command"], written["args"], written.get("env", {})


async def test_the_entry_starts_a_server_exactly_as_written(tmp_path: Path) -> None:
    assert (await run(*SERVER, "install", "cursor", "--offline", env=environment(HOME=str(tmp_path)))).code == 0
    command, args, env = started_by(tmp_path, "cursor")
    assert Path(command).is_absolute()
    # Hosts start servers from a directory of theirs, with hardly any environment.
    async with OwnedClient(
        ["env", "-C", "/", command, *args], tmp_path / "log", env={"PATH": "/usr/bin:/bin", **env}
    ) as client:
        assert len((await client.list_tools()).tools) == TOOLS


def test_every_host_starts_the_same(tmp_path: Path) -> None:
    for host in PLACES:
        assert install(tmp_path, host, "--offline", "--env", "A=1").exit_code == 0
    first, *others = (started_by(tmp_path, host) for host in PLACES)
    assert others == [first] * 2


def test_all_else_in_the_file_stays_and_the_old_file_is_kept_beside_it(tmp_path: Path) -> None:
    path = configured(tmp_path)
    before = path.read_bytes()
    done = install(tmp_path, "cursor")
    text = path.read_text(encoding="utf-8")
    written = json.loads(text)
    del written["mcpServers"]["calculator"]
    assert written == OTHERS
    assert list(written) == list(OTHERS)
    assert "théme" in text
    backup = path.with_name("mcp.json.backup1")
    assert backup.read_bytes() == before
    assert str(backup) in done.output


def test_a_second_time_nothing_is_written(tmp_path: Path) -> None:
    path = configured(tmp_path)
    install(tmp_path, "cursor")
    before = {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in path.parent.iterdir()}
    done = install(tmp_path, "cursor")
    assert done.exit_code == 0
    assert "already" in done.output
    assert {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in path.parent.iterdir()} == before


def test_a_changed_entry_is_replaced_and_no_backup_is_overwritten(tmp_path: Path) -> None:
    path = configured(tmp_path)
    before = path.read_bytes()
    install(tmp_path, "cursor")
    install(tmp_path, "cursor", "--offline")
    assert entry(tmp_path)["args"][-1] == "--offline"
    assert path.with_name("mcp.json.backup1").read_bytes() == before
    assert "--offline" not in path.with_name("mcp.json.backup2").read_text(encoding="utf-8")


@pytest.mark.parametrize("there", [True, False])
def test_a_dry_run_shows_the_entry_and_nothing_of_others_and_writes_nothing(tmp_path: Path, *, there: bool) -> None:
    path = configured(tmp_path) if there else tmp_path / PLACES["cursor"]
    before = files(tmp_path)
    done = install(tmp_path, "cursor", "--dry-run")
    assert done.exit_code == 0
    assert str(path) in done.output
    assert files(tmp_path) == before
    assert "/bin/other" not in done.output
    install(tmp_path, "cursor")
    assert json.loads(done.stdout) == {"mcpServers": {"calculator": entry(tmp_path)}}


@pytest.mark.parametrize(
    "text", ['{"mcpServers": {', "[]", '{"mcpServers": []}', "\N{LATIN SMALL LETTER E WITH ACUTE}"]
)
def test_a_file_that_cannot_be_understood_is_refused_and_stays(text: str, tmp_path: Path) -> None:
    path = configured(tmp_path, "")
    path.write_bytes(text.encode("latin-1"))
    done = install(tmp_path, "cursor")
    assert done.exit_code == 1
    assert "Nothing was changed" in done.output
    assert path.read_bytes() == text.encode("latin-1")
    assert list(path.parent.iterdir()) == [path]


def test_model_and_environment_are_written(tmp_path: Path) -> None:
    install(tmp_path, "cursor", "--model", "claude-x", "--env", "ANTHROPIC_API_KEY=sk=1", "--env", "B=")
    assert entry(tmp_path)["args"] == ["-m", "mcp_calc_server", "--model", "claude-x"]
    assert entry(tmp_path)["env"] == {"ANTHROPIC_API_KEY": "sk=1", "B": ""}


@pytest.mark.requirement("install-keeps")
def test_installing_again_keeps_what_the_user_added_and_says_what_changed(tmp_path: Path) -> None:
    path = configured(tmp_path)
    install(tmp_path, "cursor", "--offline")
    config = json.loads(path.read_text(encoding="utf-8"))
    added = {"disabled": False, "env": {"ANTHROPIC_API_KEY": "planted-secret", "A": "1"}, "autoApprove": ["power"]}
    config["mcpServers"] = {"calculator": config["mcpServers"]["calculator"] | added} | config["mcpServers"]
    config["mcpServers"]["calculator"] = added | config["mcpServers"]["calculator"] | added
    path.write_text(json.dumps(config, indent="\t"), encoding="utf-8")
    done = install(tmp_path, "cursor", "--model", "claude-x", "--env", "A=2", "--env", "B=3")
    written = json.loads(path.read_text(encoding="utf-8"))
    assert entry(tmp_path)["env"] == {"ANTHROPIC_API_KEY": "planted-secret", "A": "2", "B": "3"}
    assert entry(tmp_path)["args"] == ["-m", "mcp_calc_server", "--model", "claude-x"]
    assert entry(tmp_path)["autoApprove"] == ["power"]
    assert list(written["mcpServers"]) == ["calculator", "other"]
    assert list(written["mcpServers"]["calculator"]) == ["disabled", "env", "autoApprove", "command", "args"]
    assert "\n\t\t" in path.read_text(encoding="utf-8")
    for line in (
        "env ANTHROPIC_API_KEY: kept",
        "env A: replaced",
        "env B: added",
        "args: replaced",
        "autoApprove: kept",
    ):
        assert f"  {line}\n" in done.output
    assert "planted-secret" not in done.output
    assert "already" in install(tmp_path, "cursor", "--model", "claude-x").stdout


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{\n  // mine\n  "mcpServers": {}\n}', ":2:3: not JSON: comments are not allowed. Nothing was changed"),
        ('\ufeff{"mcpServers": {}}', "byte order mark. Save it as UTF-8 without one. Nothing was changed"),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, "nested too deeply. Nothing was changed"),
        ('{"a": ' + "9" * 5000 + "}", "a number of 5,000 digits. Nothing was changed"),
        ('{"a": "\\ud800"}', "half a character (a lone surrogate). Nothing was changed"),
    ],
    ids=["comment", "byte order mark", "deep", "long number", "half a character"],
)
def test_a_file_that_would_not_stay_as_it_is_gets_a_sentence(text: str, said: str, tmp_path: Path) -> None:
    path = configured(tmp_path, text)
    done = install(tmp_path, "cursor")
    assert (done.exit_code, path.read_text(encoding="utf-8")) == (1, text)
    assert said in done.output
    assert "Traceback" not in done.output


def test_an_environment_variable_without_a_value_is_refused(tmp_path: Path) -> None:
    assert install(tmp_path, "cursor", "--env", "ANTHROPIC_API_KEY").exit_code == 2
    assert files(tmp_path) == {}


def test_permissions_are_kept_and_a_new_file_is_the_owners_alone(tmp_path: Path) -> None:
    path = configured(tmp_path)
    path.chmod(0o640)
    install(tmp_path, "cursor", "--env", "ANTHROPIC_API_KEY=sk-1")
    install(tmp_path, "claude-code")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert stat.S_IMODE((tmp_path / PLACES["claude-code"]).stat().st_mode) == 0o600


@pytest.mark.skipif(sys.platform == "win32", reason="it imitates Windows")
def test_windows_without_appdata_has_the_usual_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("APPDATA", raising=False)
    assert config_files()["claude-desktop"] == tmp_path / "AppData/Roaming/Claude/claude_desktop_config.json"


def test_a_link_to_the_file_stays_a_link(tmp_path: Path) -> None:
    path = configured(tmp_path)
    real = tmp_path / "dotfiles.json"
    path.rename(real)
    path.symlink_to(real)
    install(tmp_path, "cursor")
    assert path.is_symlink()
    assert "calculator" in json.loads(real.read_text(encoding="utf-8"))["mcpServers"]


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="paths of such links are no error any more")
def test_a_link_that_leads_in_a_circle_gets_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / PLACES["claude-code"]
    path.symlink_to(path)
    end = install(tmp_path, "claude-code")
    assert (end.exit_code, path.is_symlink()) == (1, True)
    assert "a link that leads in a circle. Nothing was changed." in " ".join(end.stderr.split())
