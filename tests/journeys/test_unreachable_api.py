"""An API that fails: what is left in answers, files, results and logs, and in which words it is told."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentloop.wire import tls_context
from tests.journeys.test_cli import invoke
from tests.raw_http import RawRequest, raw_server

KEY = "sk-ant-SECRET-0123456789abcdef"


@pytest.mark.requirement("no-secret-leaks")
async def test_a_key_is_in_nothing_that_a_question_leaves_behind(tmp_path: Path) -> None:
    """The calculator in the server fails, and then the orchestrator."""

    async def answer(request: RawRequest, writer: asyncio.StreamWriter) -> None:
        writer.write(
            b"HTTP/1.1 401 X\r\n\r\n" + request.head.encode() if request.number % 2 else b"HTTP/1.1 abc\r\n\r\n"
        )
        await writer.drain()

    events, timeline = tmp_path / "events.jsonl", tmp_path / "timeline.html"
    async with raw_server(answer) as api:
        files = ("--events", str(events), "--timeline", str(timeline))
        env = {"ANTHROPIC_BASE_URL": api.url, "ANTHROPIC_API_KEY": KEY}
        end = await asyncio.to_thread(invoke, "--json", *files, "What is 2+3?", **env)
    assert end.exit_code == 1
    assert api.requests
    left = {"stdout": end.stdout, "stderr": end.stderr, "events": events.read_text(), "timeline": timeline.read_text()}
    assert [name for name, text in left.items() if KEY in text or "SECRET" in text] == []
    assert "answered 401" in json.loads(end.stdout)["error"]


@pytest.mark.parametrize("quiet", [(), ("--quiet",)], ids=["lines", "quiet"])
def test_without_a_network_one_sentence_says_what_to_do(quiet: tuple[str, ...]) -> None:
    env = {"ANTHROPIC_BASE_URL": "http://no-such-host.invalid", "ANTHROPIC_API_KEY": KEY}
    end = invoke(*quiet, "--local", "What is 2+3?", **env)
    reported = (
        "no answer: Cannot reach no-such-host.invalid: name not found. Check the network or proxy, or use --offline."
    )
    assert (end.exit_code, end.stdout) == (1, "")
    assert reported in end.stderr
    if quiet:
        assert end.stderr.count("\n") == 1


@pytest.fixture
def _certificates_are_loaded_anew() -> Iterator[None]:
    tls_context.cache_clear()
    yield
    tls_context.cache_clear()


@pytest.mark.usefixtures("_certificates_are_loaded_anew")
def test_certificates_that_are_not_there_are_named(tmp_path: Path) -> None:
    """As an environment of conda leaves them behind. Servers at a URL are down, and without a model nothing is lost."""
    missing = {"SSL_CERT_FILE": str(tmp_path / "ca.pem")}
    said = f"The certificates in SSL_CERT_FILE={tmp_path / 'ca.pem'} cannot be read (No such file or directory)"
    end = invoke("--quiet", "--local", "What is 2+3?", ANTHROPIC_BASE_URL="http://127.0.0.1:9", **missing)
    assert (end.exit_code, end.stdout) == (1, "")
    assert end.stderr == f"no answer: {said}: correct it or unset it.\n"
    assert f"down: {said}" in invoke("tools", "--server", "http://127.0.0.1:9/mcp", **missing).stdout
    assert invoke("--quiet", "--offline", "--local", "What is 2+3?", **missing).stdout == "Answer: 5\n"


async def test_a_key_with_a_line_break_is_named() -> None:
    """As from a file that was written on Windows."""
    async with raw_server(b"HTTP/1.1 401 X\r\n\r\n") as api:
        env = {"ANTHROPIC_BASE_URL": api.url, "ANTHROPIC_API_KEY": f"{KEY}\r"}
        end = await asyncio.to_thread(invoke, "--quiet", "--local", "What is 2+3?", **env)
    assert (end.exit_code, end.stdout) == (1, "")
    assert "see ANTHROPIC_API_KEY, which may hold no line break" in end.stderr
    assert KEY not in end.stderr
