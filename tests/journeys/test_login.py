"""Servers that want a login, through the command, with a real authorization server on loopback."""

import json
import re
import urllib.request
from pathlib import Path

import pytest

from agentloop.testing import RecordedRequest, Reply, ScriptedMessages, calls, says
from tests.oauth_server import BROWSER, Protected, protected
from tests.processes import CLIENT, Finished, environment, run
from tests.terminals import on_terminal

ROOT = Path(__file__).parents[2]
NO_KEYRING = "keyring.backends.fail.Keyring"


def home(folder: Path, **more: str) -> dict[str, str]:
    return environment(PYTHON_KEYRING_BACKEND=NO_KEYRING, **more) | {"HOME": str(folder)}


async def log_in(server: Protected, folder: Path) -> Finished:
    return await run(*CLIENT, "login", server.url, env=home(folder, BROWSER=BROWSER))


def kept(folder: Path) -> list[Path]:
    return list((folder / ".local/state/orchestrator-client/logins").glob("*"))


@pytest.mark.slow
@pytest.mark.requirement("login")
async def test_a_login_is_kept_shown_used_and_forgotten(tmp_path: Path) -> None:
    with protected() as server:
        before = await run(*CLIENT, "tools", "--server", server.url, env=home(tmp_path))
        assert before.code == 1
        assert f"down: it requires a login: orchestrator-client login {server.url}" in before.out

        done = await log_in(server, tmp_path)
        assert done.code == 0, done.err
        assert "logged in at http://127.0.0.1:" in done.err
        (asked,) = server.users.asked
        assert asked.resource == server.url
        assert asked.scopes == ["read"]
        (file,) = kept(tmp_path)
        assert file.stat().st_mode & 0o077 == 0
        token = json.loads(file.read_text())["tokens"]["access_token"]
        assert token in server.users.access_tokens
        assert token not in done.out + done.err

        shown = await run(*CLIENT, "tools", "--server", server.url, env=home(tmp_path))
        assert "up, 2 tools, logged in at http://127.0.0.1:" in shown.out
        assert ", scope read" in shown.out

        out = await run(*CLIENT, "logout", server.url, env=home(tmp_path))
        assert "logged out; the token is revoked" in out.err
        assert (server.users.access_tokens, server.users.refresh_tokens) == ({}, {})
        assert kept(tmp_path) == []
        after = await run(*CLIENT, "tools", "--server", server.url, env=home(tmp_path))
        assert "it requires a login" in after.out


@pytest.mark.requirement("login")
@pytest.mark.slow
async def test_with_a_keyring_the_file_has_no_secret(tmp_path: Path) -> None:
    env = home(tmp_path, BROWSER=BROWSER, PYTHONPATH=str(ROOT)) | {
        "PYTHON_KEYRING_BACKEND": "tests.file_keyring.FileKeyring"
    }
    with protected() as server:
        assert (await run(*CLIENT, "login", server.url, env=env)).code == 0
        (token,) = server.users.access_tokens
        (file,) = kept(tmp_path)
        assert token not in file.read_text()
        assert token in (tmp_path / "keyring.json").read_text()
        shown = await run(*CLIENT, "tools", "--server", server.url, env=env)
        assert "up, 2 tools, logged in at" in shown.out
        await run(*CLIENT, "logout", server.url, env=env)
        assert json.loads((tmp_path / "keyring.json").read_text()) == {}


@pytest.mark.requirement("login")
@pytest.mark.slow
async def test_a_token_that_expired_is_refreshed_in_a_later_process_and_a_lost_login_is_asked_for(
    tmp_path: Path,
) -> None:
    with protected() as server:
        await log_in(server, tmp_path)
        (file,) = kept(tmp_path)
        file.write_text(json.dumps(json.loads(file.read_text()) | {"expires_at": 1.0}))
        again = await run(*CLIENT, "tools", "--server", server.url, env=home(tmp_path))
        assert "up, 2 tools" in again.out
        assert (server.users.refreshed, len(server.users.asked)) == (1, 1), "nobody had to log in again"
        server.users.refresh_tokens.clear()
        server.users.access_tokens.clear()
        lost = await run(*CLIENT, "tools", "--server", server.url, env=home(tmp_path))
        assert "it requires a login" in lost.out


@pytest.mark.slow
async def test_a_revoked_token_is_refreshed(tmp_path: Path) -> None:
    with protected() as server:
        await log_in(server, tmp_path)
        server.users.access_tokens.clear()
        again = await run(*CLIENT, "tools", "--server", server.url, env=home(tmp_path))
        assert "up, 2 tools" in again.out
        assert (server.users.refreshed, len(server.users.asked)) == (1, 1)


@pytest.mark.slow
async def test_a_login_that_is_refused_says_why(tmp_path: Path) -> None:
    with protected() as server:
        server.users.denies = True
        done = await log_in(server, tmp_path)
        assert done.code == 1
        assert "not logged in: the authorization server refused the login: access_denied: Not you" in done.err
        assert kept(tmp_path) == []


@pytest.mark.slow
async def test_a_login_that_cannot_be_kept_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / ".local").write_text("not a folder")
    with protected() as server:
        done = await log_in(server, tmp_path)
        assert done.code == 1
        assert "the login cannot be kept: Not a directory" in done.err


@pytest.mark.slow
@pytest.mark.requirement("login-parallel")
async def test_calls_to_a_server_with_a_login_run_at_once(tmp_path: Path) -> None:
    def script(request: RecordedRequest) -> Reply:
        if request.results:
            return says(" ".join(block["content"][0]["text"] for block in request.results))
        return calls(*(("meet", {"name": name}) for name in "abc"))

    with protected(together=3) as server, ScriptedMessages(script) as model:
        await log_in(server, tmp_path)
        env = home(tmp_path, ANTHROPIC_BASE_URL=model.url, ANTHROPIC_API_KEY="scripted")
        done = await run(*CLIENT, "--server", server.url, "Meet.", env=env)
        assert done.out.strip() == "a met 3 b met 3 c met 3", done.err


@pytest.mark.slow
@pytest.mark.requirement("login")
async def test_on_a_terminal_the_first_use_asks_for_the_login_and_a_tool_for_more_scope(tmp_path: Path) -> None:
    def script(request: RecordedRequest) -> Reply:
        if request.results:
            return says(request.results[0]["content"][0]["text"])
        return calls(("write_note", {"text": "rain"}))

    with protected() as server, ScriptedMessages(script) as model:
        env = home(tmp_path, ANTHROPIC_BASE_URL=model.url, ANTHROPIC_API_KEY="scripted", BROWSER=BROWSER)
        command = (*CLIENT, "--server", server.url, "--allow", "write_note", "Write.")
        async with on_terminal(*command, env=env, columns=160) as terminal:
            assert await terminal.ended() == 0, terminal.text
            assert "requires a login. Log in here:" in terminal.text
            assert "written: rain" in terminal.text
        assert [sorted(each.scopes or []) for each in server.users.asked] == [["read"], ["read", "write"]]


@pytest.mark.requirement("login")
@pytest.mark.slow
async def test_over_ssh_the_address_is_pasted(tmp_path: Path) -> None:
    with protected() as server:
        env = home(tmp_path, SSH_CONNECTION="far")
        async with on_terminal(*CLIENT, "login", server.url, env=env, columns=160) as terminal:
            await terminal.until_shown("address:")
            terminal.type("http://127.0.0.1:1/callback?code=forged&state=other\r")
            await terminal.until_shown("does not belong to the login that is under way")
            (page,) = re.findall(r"http://\S+/authorize\?\S+", terminal.raw)
            terminal.type(f"{redirect_of(page)}\r")
            assert await terminal.ended() == 0, terminal.text
            assert "logged in at" in terminal.text


def redirect_of(page: str) -> str:
    class Stop(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *arguments: object) -> None:
            self.address = str(arguments[-1])

    stop = Stop()
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.build_opener(stop).open(page, timeout=30)
    return stop.address
