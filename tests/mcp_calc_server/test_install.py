"""`mcp-calc-server install`, in a home of its own, and what it wrote started exactly as written."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.processes import SERVER, Finished, OwnedClient, environment, run

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


async def install(home: Path, *arguments: str) -> Finished:
    return await run(*SERVER, "install", *arguments, env=environment(HOME=str(home)))


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


@pytest.mark.parametrize("host", PLACES)
async def test_the_entry_starts_a_server_exactly_as_written(host: str, tmp_path: Path) -> None:
    assert (await install(tmp_path, host, "--offline")).code == 0
    written = entry(tmp_path, host)
    assert Path(written["command"]).is_absolute()
    # Hosts start servers from a directory of theirs, with hardly any environment.
    command = ["env", "-C", "/", written["command"], *written["args"]]
    async with OwnedClient(
        command, tmp_path / "log", env={"PATH": "/usr/bin:/bin", **written.get("env", {})}
    ) as client:
        assert len((await client.list_tools()).tools) == TOOLS


async def test_all_else_in_the_file_stays_and_the_old_file_is_kept_beside_it(tmp_path: Path) -> None:
    path = configured(tmp_path)
    before = path.read_bytes()
    done = await install(tmp_path, "cursor")
    text = path.read_text(encoding="utf-8")
    written = json.loads(text)
    del written["mcpServers"]["calculator"]
    assert written == OTHERS
    assert list(written) == list(OTHERS)
    assert "théme" in text
    backup = path.with_name("mcp.json.backup1")
    assert backup.read_bytes() == before
    assert str(backup) in done.err


async def test_a_second_time_nothing_is_written(tmp_path: Path) -> None:
    path = configured(tmp_path)
    await install(tmp_path, "cursor")
    before = {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in path.parent.iterdir()}
    done = await install(tmp_path, "cursor")
    assert done.code == 0
    assert "already" in done.err
    assert {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in path.parent.iterdir()} == before


async def test_a_changed_entry_is_replaced_and_no_backup_is_overwritten(tmp_path: Path) -> None:
    path = configured(tmp_path)
    before = path.read_bytes()
    await install(tmp_path, "cursor")
    await install(tmp_path, "cursor", "--offline")
    assert entry(tmp_path)["args"][-1] == "--offline"
    assert path.with_name("mcp.json.backup1").read_bytes() == before
    assert "--offline" not in path.with_name("mcp.json.backup2").read_text(encoding="utf-8")


@pytest.mark.parametrize("there", [True, False])
async def test_a_dry_run_shows_the_file_and_writes_nothing(tmp_path: Path, *, there: bool) -> None:
    path = configured(tmp_path) if there else tmp_path / PLACES["cursor"]
    before = files(tmp_path)
    done = await install(tmp_path, "cursor", "--dry-run")
    assert done.code == 0
    assert str(path) in done.err
    assert files(tmp_path) == before
    await install(tmp_path, "cursor")
    assert path.read_text(encoding="utf-8") == done.out


@pytest.mark.parametrize(
    "text", ['{"mcpServers": {', "[]", '{"mcpServers": []}', "\N{LATIN SMALL LETTER E WITH ACUTE}"]
)
async def test_a_file_that_cannot_be_understood_is_refused_and_stays(text: str, tmp_path: Path) -> None:
    path = configured(tmp_path, "")
    path.write_bytes(text.encode("latin-1"))
    done = await install(tmp_path, "cursor")
    assert done.code == 1
    assert "Nothing was changed" in done.err
    assert "Traceback" not in done.err
    assert path.read_bytes() == text.encode("latin-1")
    assert list(path.parent.iterdir()) == [path]


async def test_model_and_environment_are_written(tmp_path: Path) -> None:
    await install(tmp_path, "cursor", "--model", "claude-x", "--env", "ANTHROPIC_API_KEY=sk=1", "--env", "B=")
    assert entry(tmp_path)["args"] == ["-m", "mcp_calc_server", "--model", "claude-x"]
    assert entry(tmp_path)["env"] == {"ANTHROPIC_API_KEY": "sk=1", "B": ""}


async def test_an_environment_variable_without_a_value_is_refused(tmp_path: Path) -> None:
    assert (await install(tmp_path, "cursor", "--env", "ANTHROPIC_API_KEY")).code == 2
    assert files(tmp_path) == {}


async def test_permissions_are_kept_and_a_new_file_is_the_owners_alone(tmp_path: Path) -> None:
    path = configured(tmp_path)
    path.chmod(0o640)
    await install(tmp_path, "cursor", "--env", "ANTHROPIC_API_KEY=sk-1")
    await install(tmp_path, "claude-code")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert stat.S_IMODE((tmp_path / PLACES["claude-code"]).stat().st_mode) == 0o600


async def test_a_link_to_the_file_stays_a_link(tmp_path: Path) -> None:
    path = configured(tmp_path)
    real = tmp_path / "dotfiles.json"
    path.rename(real)
    path.symlink_to(real)
    await install(tmp_path, "cursor")
    assert path.is_symlink()
    assert "calculator" in json.loads(real.read_text(encoding="utf-8"))["mcpServers"]
