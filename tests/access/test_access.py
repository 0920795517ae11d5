"""Who may call a server over HTTP, and what those who may not are told."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from agentloop import ConfigurationError
from agentloop.mcp.server.access import OAuth, Scopes, access_for, is_loopback
from tests.access.conftest import Issuer
from tests.in_process import server
from tests.journeys.test_cli import invoke
from tests.processes import SERVER, run
from tests.surface import Served, serving, text

on_one_loop = pytest.mark.asyncio(loop_scope="session")
each_transport = pytest.mark.parametrize("transport", ["streamable-http", "sse"])

META: Any = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}
LIST: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": META}}
HEADERS = {
    "accept": "application/json, text/event-stream",
    "mcp-protocol-version": "2026-07-28",
    "mcp-method": "tools/list",
}


async def asked(served: Served, **headers: str) -> httpx2.Response:
    """The answer to `tools/list`; on SSE to opening the stream."""
    async with httpx2.AsyncClient(timeout=10) as http:
        if served.transport == "sse":
            return await http.get(served.url, headers=_encoded(headers))
        return await http.post(served.url, json=LIST, headers=_encoded(HEADERS | headers))


def _encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]


@pytest.mark.slow
@pytest.mark.requirement("loopback-only")
@each_transport
@on_one_loop
async def test_the_default_is_loopback_and_other_hosts_and_origins_are_refused(
    transport: str, open_servers: dict[str, Served]
) -> None:
    served = open_servers[transport]
    assert served.url.startswith("http://127.0.0.1:")
    assert (await asked(served, host="calc.evil.example")).status_code == 421
    assert (await asked(served, host="127.0.0.1.evil.example")).status_code == 421
    assert (await asked(served, origin="https://evil.example")).status_code == 403
    assert (await asked(served, origin="null")).status_code == 403
    async with served.client(headers={"origin": "http://LocalHost:6274", "host": "LOCALHOST"}) as client:
        assert (await client.call_tool("sum_numbers", {"numbers": [1, 2]})).structured_content is not None
    assert not [line for line in served.said if "Traceback" in line]


@pytest.mark.requirement("loopback-only")
async def test_binding_elsewhere_without_a_token_is_refused_and_says_why(elsewhere: str) -> None:
    end = await run(*SERVER, "--offline", "--transport", "streamable-http", "--host", elsewhere, "--port", "0")
    assert (end.code, end.out) == (2, "")
    assert "can be reached from other machines" in end.err
    assert "--token-file" in end.err


@pytest.mark.requirement("loopback-only")
def test_binding_elsewhere_without_a_token_is_refused_over_sse_too(elsewhere: str) -> None:
    end = server("--offline", "--transport", "sse", "--host", elsewhere, "--port", "0")
    assert (end.exit_code, end.stdout) == (2, "")
    assert "can be reached from other machines" in end.stderr


@pytest.mark.parametrize(
    ("host", "is_it"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False)],  # noqa: S104
)
def test_loopback_is_what_only_this_machine_reaches(host: str, *, is_it: bool) -> None:
    assert is_loopback(host) is is_it


OAUTH = [
    word for name in ("issuer", "audience", "jwks") for word in (f"--oauth-{name}", f"https://agents.example/{name}")
]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--token-file", "/nonexistent/token"], "Cannot read the token from /nonexistent/token"),
        (["--token-file", "/dev/null"], "The token has 0 characters; use at least 16"),
        (["--oauth-issuer", "https://issuer.example"], "given together"),
        ([*OAUTH, "--oauth-issuer", "login.example"], "the issuer is 'login.example': give a whole URL"),
        ([*OAUTH, "--oauth-jwks", "/jwks"], "the jwks is '/jwks': give a whole URL"),
        (["--path", "mcp"], "a path begins with a slash"),
        (["--path", "/mcp?key=1"], "The path '/mcp?key=1' cannot be used"),
        (["--path", "//mcp"], "The path '//mcp' cannot be used"),
        (["--path", "/health"], "none of /health, /ready"),
        (["--allow-host", "https://agents.example"], "give the name alone, such as agents.example.com"),
        (["--allow-host", "*.agents.example"], "The allowed host '*.agents.example' is none"),
        (
            [*OAUTH, "--oauth-scope", "*_agent=run", "--oauth-scope", "powr=run"],
            "The scope run is for powr, which is not",
        ),
        (["--trusted-proxy", "*"], "Give an IP address or a network"),
        (["--token", "x" * 32], "No such option"),
    ],
)
def test_settings_that_cannot_be_meant_are_usage_errors(arguments: list[str], said: str) -> None:
    end = server("--offline", "--transport", "sse", "--port", "0", *arguments)
    assert (end.exit_code, end.stdout) == (2, "")
    assert said in " ".join(end.stderr.replace("│", " ").split())


@pytest.mark.requirement("token")
@on_one_loop
async def test_only_the_token_opens_a_guarded_server(guarded: Served, token: str) -> None:
    assert guarded.url.startswith("http://127.0.0.2:")
    for headers in ({}, {"authorization": "Bearer wrong-wrong-wrong"}, {"authorization": f"Basic {token}"}):
        refused = await asked(guarded, **headers)
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"].startswith("Bearer")
    assert (await asked(guarded, authorization="Bearer caf\xe9")).status_code == 401
    for mode in ("auto", "legacy"):
        async with guarded.client(mode, headers={"authorization": f"Bearer {token}"}) as client:
            result = await client.call_tool("sum_numbers", {"numbers": [1, 2]})
            assert json.loads(text(result))["result"] == "3"
    assert token not in guarded.stderr


@pytest.mark.requirement("token")
@on_one_loop
async def test_the_orchestrator_shows_the_token_its_configuration_takes_from_the_environment(
    guarded: Served, token: str, tmp_path: Path
) -> None:
    entry = {"type": "http", "url": guarded.url, "headers": {"Authorization": "Bearer ${CALC_TOKEN}"}}
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"mcpServers": {"far": entry}}), encoding="utf-8")
    options = ["--offline", "--json", "--config", str(path), "1 + 2"]
    unset = invoke(*options)
    assert unset.exit_code == 2
    assert "mcpServers.far.headers.Authorization" in unset.stderr
    assert "CALC_TOKEN is not set" in " ".join(unset.stderr.split())
    reported = await asyncio.to_thread(invoke, *options, CALC_TOKEN=token)
    assert reported.exit_code == 0, reported.stderr
    assert {each["served_by"] for each in json.loads(reported.stdout)["delegations"]} == {"far"}
    refused = await asyncio.to_thread(invoke, *options, CALC_TOKEN="another-planted-token")  # noqa: S106
    assert (refused.exit_code, json.loads(refused.stdout)["delegations"]) == (1, [])
    assert "far" in refused.stderr
    said = reported.output + refused.output + guarded.stderr
    assert token not in said
    assert "another-planted-token" not in said


@pytest.mark.requirement("oauth")
@on_one_loop
async def test_a_token_of_the_issuer_for_this_server_is_accepted(resource_server: Served, issuer: Issuer) -> None:
    async with resource_server.client(headers={"authorization": f"Bearer {issuer.token()}"}) as client:
        assert len((await client.list_tools()).tools) == 7


@pytest.mark.requirement("oauth")
@pytest.mark.parametrize(
    "changed",
    [{"aud": "https://other.example/mcp"}, {"iss": "https://evil.example"}, {"exp": 1}]
    + [{name: None} for name in ("aud", "iss", "exp", "sub")],
    ids=lambda changed: ", ".join(f"{name} {value}" for name, value in changed.items()),
)
@on_one_loop
async def test_a_token_with_a_wrong_or_missing_claim_is_refused(
    resource_server: Served, issuer: Issuer, changed: dict[str, Any]
) -> None:
    await _is_refused(resource_server, issuer.token(**changed))


@pytest.mark.requirement("oauth")
@on_one_loop
async def test_a_token_that_the_issuer_did_not_sign_is_refused(resource_server: Served, issuer: Issuer) -> None:
    header, payload, signature = issuer.token().split(".")
    await _is_refused(resource_server, jwt.encode(issuer.claims(), "", algorithm="none", headers={"kid": "one"}))
    await _is_refused(resource_server, _signed_with_the_public_key(issuer))
    await _is_refused(resource_server, f"{header}.{payload}.{signature[::-1]}")
    await _is_refused(resource_server, "no token at all")


def _signed_with_the_public_key(issuer: Issuer) -> str:
    """By hand: the library refuses to make one."""
    algorithm = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    parts = [
        jwt.utils.base64url_encode(json.dumps(part).encode())
        for part in ({"alg": "HS256", "kid": "one", "typ": "JWT"}, issuer.claims())
    ]
    return b".".join([*parts, jwt.utils.base64url_encode(algorithm.sign(b".".join(parts), issuer.public_pem))]).decode()


@pytest.mark.requirement("oauth")
@on_one_loop
async def test_a_token_that_is_not_what_it_says_is_refused_and_is_no_failure_of_the_server(
    resource_server: Served, issuer: Issuer
) -> None:
    curve = ec.generate_private_key(ec.SECP256R1())
    edwards = ed25519.Ed25519PrivateKey.generate()
    _, payload, signature = issuer.token().split(".")
    headers: list[Any] = [
        {"alg": "ES256", "kid": "one"},
        {"alg": "EdDSA", "kid": "one"},
        {"alg": "RS256", "kid": ["one"]},
        {"alg": ["RS256"], "kid": "one"},
        {"kid": "one"},
        [{"alg": "RS256"}],
        "RS256",
    ]
    encoded = [jwt.utils.base64url_encode(json.dumps(header).encode()).decode() for header in headers]
    encoded.append(jwt.utils.base64url_encode(b"[" * 4000).decode())
    tokens = [
        jwt.encode(issuer.claims(), curve, algorithm="ES256", headers={"kid": "one"}),
        jwt.encode(issuer.claims(), edwards, algorithm="EdDSA", headers={"kid": "one"}),
        *(f"{header}.{payload}.{signature}" for header in encoded),
        issuer.token(exp=float("inf")),
        issuer.token(exp="soon"),
    ]
    for token in tokens:
        await _is_refused(resource_server, token)
    assert "Traceback" not in resource_server.stderr


@pytest.mark.requirement("oauth")
@on_one_loop
async def test_a_token_with_each_signature_of_its_keys_kind_is_accepted(
    resource_server: Served, issuer: Issuer
) -> None:
    for algorithm in ("RS256", "RS512", "PS256"):
        token = jwt.encode(issuer.claims(), issuer.key, algorithm=algorithm, headers={"kid": "one"})
        assert (await asked(resource_server, authorization=f"Bearer {token}")).status_code == 200


@pytest.mark.requirement("oauth")
async def test_two_people_are_two_owners_however_they_are_called(issuer: Issuer) -> None:
    oauth = ("--oauth-issuer", issuer.url, "--oauth-audience", issuer.audience, "--oauth-jwks", issuer.jwks)
    async with serving("streamable-http", "--offline", "--calls-per-minute", "1", *oauth) as served:
        for client_id, subject, is_admitted in [("a b", "c", True), ("a", "b c", True), ("a b", "c", False)]:
            token = issuer.token(client_id=client_id, sub=subject)
            async with served.client(headers={"authorization": f"Bearer {token}"}) as client:
                result = await client.call_tool("sum_numbers", {"numbers": [1, 2]})
            assert result.is_error is not is_admitted


async def _is_refused(served: Served, token: str) -> None:
    refused = await asked(served, authorization=f"Bearer {token}")
    assert refused.status_code == 401
    assert "resource_metadata=" in refused.headers["www-authenticate"]
    assert token not in refused.text + served.stderr


@pytest.mark.requirement("oauth")
@on_one_loop
async def test_the_resource_metadata_says_who_issues_tokens(resource_server: Served, issuer: Issuer) -> None:
    async with httpx2.AsyncClient(timeout=10) as http:
        metadata = (await http.get(f"{resource_server.base}/.well-known/oauth-protected-resource/mcp")).json()
    assert metadata["resource"] == issuer.audience
    assert metadata["authorization_servers"] == [issuer.url]  # clients refuse it with a slash more


@pytest.mark.requirement("health")
@on_one_loop
async def test_health_and_readiness_need_no_token_and_tell_nothing_else(
    guarded: Served, resource_server: Served
) -> None:
    async with httpx2.AsyncClient(timeout=10) as http:
        for served in (guarded, resource_server):
            health, ready = await asyncio.gather(http.get(f"{served.base}/health"), http.get(f"{served.base}/ready"))
            assert (health.status_code, health.json()) == (200, {"status": "ok"})
            assert (ready.status_code, ready.json()) == (200, {"status": "ready"})


@pytest.mark.requirement("limits")
@each_transport
@on_one_loop
async def test_a_body_of_more_than_1_mib_is_refused(transport: str, open_servers: dict[str, Served]) -> None:
    served = open_servers[transport]
    url = served.url if transport == "streamable-http" else f"{served.url}/messages/?session_id={'0' * 32}"
    async with httpx2.AsyncClient(timeout=10) as http:
        body = json.dumps(LIST | {"padding": "x" * 1024 * 1024})
        answer = await http.post(url, content=body, headers=HEADERS | {"content-type": "application/json"})
    assert answer.status_code == 413


@pytest.mark.requirement("limits")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [({"numbers": ["1" * 200_001]}, "200,000 are allowed"), ({"numbers": "deep"}, "nested more than 32 deep")],
    ids=["long", "deep"],
)
@each_transport
@on_one_loop
async def test_arguments_beyond_the_limits_are_error_results(
    transport: str, open_servers: dict[str, Served], arguments: dict[str, Any], said: str
) -> None:
    if arguments == {"numbers": "deep"}:
        nested: list[Any] = []
        for _ in range(40):
            nested = [nested]
        arguments = {"numbers": nested}
    async with open_servers[transport].client() as client:
        result = await client.call_tool("sum_numbers", arguments)
    assert result.is_error
    assert said in text(result)


@pytest.mark.parametrize("token", ["schlüssel-zum-schloss", "two words of sixteen", "sixteen-letters\nand-a-line"])
def test_a_token_that_no_client_can_send_is_refused(token: str) -> None:
    with pytest.raises(ConfigurationError, match="no client can send"):
        access_for("127.0.0.1", token=token)


def test_a_token_and_an_issuer_are_not_given_together() -> None:
    with pytest.raises(Exception, match="not both"):
        access_for(
            "127.0.0.1", token="x" * 32, oauth=OAuth("https://i.example", "https://a.example", "https://j.example")
        )


@pytest.mark.slow
@pytest.mark.requirement("oauth-scopes")
async def test_scopes_are_needed_for_requests_and_for_single_tools(issuer: Issuer) -> None:
    oauth = ("--oauth-issuer", issuer.url, "--oauth-audience", issuer.audience, "--oauth-jwks", issuer.jwks)
    scopes = ("--oauth-scope", "use", "--oauth-scope", "*_agent=run")
    async with serving("streamable-http", "--offline", *oauth, *scopes) as served:
        nobody, stranger = await asked(served), await asked(served, authorization=f"Bearer {issuer.token()}")
        assert (nobody.status_code, stranger.status_code) == (401, 403)
        for refused in (nobody, stranger):
            assert 'scope="use"' in refused.headers["www-authenticate"]
            assert "resource_metadata=" in refused.headers["www-authenticate"]
        may_use = {"authorization": f"Bearer {issuer.token(scope='use more')}"}
        assert (await asked(served, **may_use)).status_code == 200
        async with served.client(headers=may_use) as client:
            assert not (await client.call_tool("sum_numbers", {"numbers": [1, 2]})).is_error
        call = {
            "name": "calculator_assistant_agent",
            "arguments": {"prompt": "1 + 2"},
            "_meta": LIST["params"]["_meta"],
        }
        headers = HEADERS | {"mcp-method": "tools/call", "mcp-name": "calculator_assistant_agent"}
        async with httpx2.AsyncClient(timeout=30) as http:
            message = LIST | {"method": "tools/call", "params": call}
            lacking = await http.post(served.url, json=message, headers=headers | may_use)
            may_run = {"authorization": f"Bearer {issuer.token(scope=['use', 'run'])}"}
            allowed = await http.post(served.url, json=message, headers=headers | may_run)
            metadata = (await http.get(f"{served.base}/.well-known/oauth-protected-resource/mcp")).json()
    assert (lacking.status_code, allowed.status_code) == (403, 200)
    assert 'scope="use run"' in lacking.headers["www-authenticate"]
    assert metadata["scopes_supported"] == ["use", "run"]


@pytest.mark.requirement("oauth-scopes")
@pytest.mark.parametrize("given", ["", "=run", "two words", 'with"quote'])
def test_what_is_not_a_scope_is_refused(given: str) -> None:
    with pytest.raises(ConfigurationError, match="give SCOPE or TOOL=SCOPE"):
        Scopes.of([given])
