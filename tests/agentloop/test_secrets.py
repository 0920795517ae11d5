"""However a request to the Messages API fails: no credential is in what users, clients, models and files get."""

import asyncio
import base64
import gzip
import json
import logging
import ssl
import tempfile
import traceback
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from agentloop import Agent, ConfigurationError, Limits, ModelError, RunError, sdk_client
from agentloop.event_json import event_to_json
from agentloop.events import Event
from agentloop.narration import Narrator
from agentloop.testing.wire import sse_event
from tests.raw_http import STREAM, Answering, RawRequest, raw_server, stream_of

KEY = "sk-ant-SECRET-0123456789abcdef"
TOKEN = "tok-SECRET-fedcba9876543210"  # noqa: S105
CUSTOM = "team-SECRET-5566778899"
PASSWORD = "SECRET-p4ss:word"  # noqa: S105
SECRETS = (KEY, TOKEN, CUSTOM, PASSWORD, "SECRET", base64.b64encode(f"user:{PASSWORD}".encode()).decode())

pytestmark = pytest.mark.requirement("no-secret-leaks")


async def echo(request: RawRequest, writer: asyncio.StreamWriter) -> None:
    """Refuse the credentials and repeat the whole request."""
    error = {"type": request.header("authorization"), "message": f"no such key: {request.head}"}
    body = json.dumps({"type": "error", "error": error}).encode()
    head = f"HTTP/1.1 401 X\r\nrequest-id: {request.header('authorization')}\r\ncontent-length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    await writer.drain()


async def echo_plainly(request: RawRequest, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 502 X\r\n\r\n<html>" + request.head.encode())
    await writer.drain()


async def echo_in_the_stream(request: RawRequest, writer: asyncio.StreamWriter) -> None:
    event = sse_event("error", error={"type": "api_error", "message": request.head})
    writer.write(stream_of(event))
    await writer.drain()


async def redirect_to_the_key(request: RawRequest, writer: asyncio.StreamWriter) -> None:
    secret = request.header("authorization").split()[-1]
    writer.write(f"HTTP/1.1 307 X\r\nlocation: http://{secret}.example/{secret}\r\n\r\n".encode())
    await writer.drain()


ANSWERS: dict[str, bytes | Answering] = {
    "a bad status line": b"HTTP/1.1 abc\r\n\r\n",
    "no HTTP": b"SSH-2.0-OpenSSH_9.9\r\n",
    "nothing": b"",
    "a bad chunk": STREAM + b"transfer-encoding: chunked\r\n\r\nZZ\r\n",
    "a header of 1 MB": b"HTTP/1.1 200 OK\r\nx: " + b"a" * 1_000_000 + b"\r\n\r\n",
    "100,000 headers": b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 100_000 + b"\r\n",
    "a redirect to itself": b"HTTP/1.1 307 X\r\nlocation: /v1/messages\r\ncontent-length: 0\r\n\r\n",
    "a redirect elsewhere": b"HTTP/1.1 302 X\r\nlocation: http://evil.example:99/steal\r\ncontent-length: 0\r\n\r\n",
    "a redirect to nowhere": b"HTTP/1.1 302 X\r\nlocation: http://[/\r\ncontent-length: 0\r\n\r\n",
    "a redirect to the key": redirect_to_the_key,
    "a cut stream": STREAM + b"content-length: 1000\r\n\r\nevent: message_start\n",
    "invalid gzip": STREAM + b"content-encoding: gzip\r\n\r\nno gzip at all",
    "an error in invalid gzip": b"HTTP/1.1 500 X\r\ncontent-encoding: gzip\r\n\r\nno gzip at all",
    "a cut gzip": STREAM + b"content-encoding: gzip\r\n\r\n" + gzip.compress(b"event: ping\n" * 99)[:-9],
    "events that are not text": stream_of(b"data: \xff\xfe\n\n"),
    "a refusal that repeats the request": echo,
    "a proxy's page that repeats the request": echo_plainly,
    "an error event that repeats the request": echo_in_the_stream,
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Sets what a user may have set, every secret in its place."""

    def configure(url: str) -> None:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", url)
        monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", f"x-team: {CUSTOM}")

    return configure


async def everything_said(caplog: pytest.LogCaptureFixture, *, attempts: int = 2) -> tuple[Exception, str]:
    """What a failing run raises, and every text anybody could see of it."""
    received: list[Event] = []
    caplog.set_level(logging.INFO)
    with pytest.raises((RunError, ConfigurationError)) as failed:
        await Agent("tester", "Test.", client=sdk_client, limits=Limits(attempts=attempts)).run(
            "go", on_event=received.append
        )
    narrator = Narrator()
    lines = [narrator.describe(event) or "" for event in received]
    reported = [json.dumps(event_to_json(event)) for event in received]
    seen = [str(failed.value), repr(failed.value), *lines, *reported, caplog.text]
    return failed.value, "\n".join([*seen, *traceback.format_exception(failed.value)])


@pytest.mark.parametrize("name", ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"])
@pytest.mark.parametrize("answer", ANSWERS)
async def test_no_answer_brings_a_credential_to_light(
    answer: str,
    name: str,
    environment: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv(name, KEY if name == "ANTHROPIC_API_KEY" else TOKEN)
    async with raw_server(ANSWERS[answer]) as server:
        environment(server.url)
        error, said = await everything_said(caplog)
    assert server.requests
    assert [secret for secret in SECRETS if secret in said] == []
    assert isinstance(error, ModelError)
    assert not [word for word in ("aiohttp", "httpx", "Response", "Error(", "Errno") if word in str(error)]


async def refused(_stack: AsyncExitStack) -> str:
    return "http://127.0.0.1:9"


async def unknown_host(_stack: AsyncExitStack) -> str:
    return "http://no-such-host.invalid"


async def no_tls(stack: AsyncExitStack) -> str:
    listening = await asyncio.start_server(plainly, "127.0.0.1", 0)
    stack.callback(listening.close)
    return f"https://127.0.0.1:{listening.sockets[0].getsockname()[1]}"


async def plainly(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 400 X\r\n\r\n")
    writer.close()


async def untrusted(stack: AsyncExitStack) -> str:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    context.load_cert_chain(self_signed(folder / "certificate.pem"))
    listening = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    stack.callback(listening.close)
    return f"https://127.0.0.1:{listening.sockets[0].getsockname()[1]}"


def self_signed(path: Path) -> Path:
    """A new key and a certificate that nobody has signed but itself."""
    key, name, now = ec.generate_private_key(ec.SECP256R1()), x509.Name([]), datetime.now(UTC)
    certificate = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    certificate = certificate.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(private + certificate.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    return path


async def with_password(stack: AsyncExitStack) -> str:
    server = await stack.enter_async_context(raw_server(echo))
    return server.url.replace("http://", f"http://user:{PASSWORD.replace(':', '%3A')}@")


async def no_address(_stack: AsyncExitStack) -> str:
    return f"ftp://user:{PASSWORD.replace(':', '%3A')}@127.0.0.1/"


async def no_scheme(_stack: AsyncExitStack) -> str:
    return f"user/{PASSWORD.replace(':', '%3A')}"


async def no_url(_stack: AsyncExitStack) -> str:
    return f"http://user:{PASSWORD.replace(':', '%3A')}@[::"


WAYS: dict[Callable[[AsyncExitStack], Awaitable[str]], str] = {
    refused: "Cannot reach 127.0.0.1:9: connection refused.",
    unknown_host: "Cannot reach no-such-host.invalid: name not found.",
    no_tls: "no TLS connection could be made.",
    untrusted: "its TLS certificate is not trusted.",
    with_password: "may hold no user name or password",
    no_scheme: "Cannot reach the Messages API: its address is no http://",
    no_address: "is no http:// or https:// address",
    no_url: "No client of the Messages API can be made",
}


@pytest.mark.parametrize("way", WAYS, ids=[way.__name__ for way in WAYS])
async def test_a_way_that_fails_is_reported_in_our_own_words(
    way: Callable[[AsyncExitStack], Awaitable[str]],
    environment: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    async with AsyncExitStack() as stack:
        environment(await way(stack))
        error, said = await everything_said(caplog)
    assert WAYS[way] in str(error)
    assert [secret for secret in SECRETS if secret in said] == []


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of aiohttp, for how the SDK names the password
@pytest.mark.parametrize("answer", [b"HTTP/1.1 407 X\r\n\r\n", echo], ids=["refuses", "repeats"])
async def test_the_password_of_a_proxy_stays_secret(
    answer: bytes | Answering,
    environment: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    async with raw_server(answer) as proxy:
        for scheme in ("HTTP_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(scheme, proxy.url.replace("http://", f"http://user:{PASSWORD.replace(':', '%3A')}@"))
        for url in ("http://api.example", "https://api.example"):
            environment(url)
            _, said = await everything_said(caplog)
            assert [secret for secret in SECRETS if secret in said] == []
    assert proxy.requests


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.requirement("no-redirects")
async def test_a_redirect_is_refused_and_names_the_host_alone(
    status: int, environment: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    async with raw_server(b"") as elsewhere:
        location = elsewhere.url.replace("127.0.0.1", "localhost").encode() + b"/steal?q=1"
        answer = b"HTTP/1.1 %d X\r\nlocation: %b\r\ncontent-length: 0\r\n\r\n" % (status, location)
        async with raw_server(answer) as server:
            environment(server.url)
            error, _ = await everything_said(caplog)
    assert str(error).startswith(f"{server.url.removeprefix('http://')} redirects to localhost. Redirects are not")
    assert isinstance(error, ModelError)
    assert error.status == status
    assert (len(server.requests), len(elsewhere.requests)) == (1, 0)
