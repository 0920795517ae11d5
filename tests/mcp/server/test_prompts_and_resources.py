"""Prompts and resources that a server publishes, as clients of both eras see them."""

import asyncio
import base64
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, MCPError, types

from agentloop import ConfigurationError, ToolError, tool
from agentloop.front_matter import FrontMatterError
from agentloop.mcp import Prompt, Resource
from agentloop.mcp.server.prompts import prompt_of_file
from agentloop.mcp.server.publication import Publication
from agentloop.mcp.server.resources import resources_of_folder
from agentloop.mcp.server.serving import build_server
from tests.processes import environment
from tests.surface import ROOT, serving


@tool
def nothing() -> str:
    """Do nothing."""
    return ""


def compare(first: str, second: str = "the draft") -> str:
    """Compare two texts."""
    return f"Compare {first} with {second}."


def counted(*texts: str, **more: str) -> int:
    return len(texts) + len(more)


async def day(name: str) -> bytes:
    if name == "never":
        raise ToolError("There is no such day.")
    if name == "broken":
        raise ValueError("a secret of the server")
    if name == "exits":
        raise SystemExit("a secret of the server")
    if name == "panics":
        raise BaseExceptionGroup("a secret of the server", [SystemExit()])
    if name == "cancels":
        raise asyncio.CancelledError
    return name.encode()


def client(mode: str, prompts: Sequence[Prompt] = (), resources: Sequence[Resource] = ()) -> Client:
    return Client(build_server(Publication([nothing]), prompts=prompts, resources=resources), mode=mode)


async def said(client: Client, name: str, arguments: dict[str, str] | None = None) -> str:
    (message,) = (await client.get_prompt(name, arguments)).messages
    assert isinstance(message.content, types.TextContent)
    return message.content.text


@pytest.mark.requirement("prompts-and-resources")
@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_prompts_are_listed_filled_in_and_completed(mode: str) -> None:
    review = Prompt(
        "review", "Review {{file}} in {{ tone }}.", title="Review", values={"tone": ["Kind", "kurt", "harsh"]}
    )
    async with client(mode, [review, Prompt("compare", compare), Prompt("counted", counted)]) as one:
        listed = {prompt.name: prompt for prompt in (await one.list_prompts()).prompts}
        arguments = {name: [(a.name, a.required) for a in each.arguments or []] for name, each in listed.items()}
        assert arguments == {
            "review": [("file", True), ("tone", True)],
            "compare": [("first", True), ("second", False)],
            "counted": [],
        }
        assert (listed["review"].title, listed["compare"].description) == ("Review", "Compare two texts.")
        assert await said(one, "review", {"file": "{{tone}}", "tone": "kind"}) == "Review {{tone}} in kind."
        assert await said(one, "compare", {"first": "a"}) == "Compare a with the draft."
        found = await one.complete(types.PromptReference(name="review"), {"name": "tone", "value": "k"})
        assert found.completion.values == ["Kind", "kurt"]
        for name, given, wrong in (
            ("review", {"file": "a"}, "An argument of the prompt review is missing: tone"),
            ("compare", {"first": "a", "third": "c"}, "An argument of the prompt compare is not known: third"),
            ("counted", {}, "The prompt counted returned neither text nor messages"),
            ("none", {}, "There is no prompt 'none'"),
        ):
            with pytest.raises(MCPError, match=wrong):
                await one.get_prompt(name, given)


@pytest.mark.requirement("prompts-and-resources")
@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_resources_are_texts_files_bytes_and_templates(mode: str, tmp_path: Path) -> None:
    file = tmp_path / "style.md"
    resources = [
        Resource("docs://style", file, description="How we write."),
        Resource("docs://logo.png", b"\x89PNG\xff", title="Logo"),
        Resource("notes://{name}/text", day, values={"name": ["monday", "friday"]}),
    ]
    async with client(mode, resources=resources) as one:
        listed = {str(each.uri): each for each in (await one.list_resources()).resources}
        assert [(each.name, each.mime_type) for each in listed.values()][:2] == [
            ("style", "text/markdown"),
            ("logo.png", "image/png"),
        ]
        (template,) = (await one.list_resource_templates()).resource_templates
        assert template.uri_template == "notes://{name}/text"
        file.write_text("Short.", encoding="utf-8")
        assert await contents(one, "docs://style") == "Short.", "read when it is asked for"
        assert await contents(one, "docs://logo.png") == b"\x89PNG\xff"
        assert await contents(one, "notes://a%20b/text") == "a b"
        found = await one.complete(
            types.ResourceTemplateReference(uri=template.uri_template), {"name": "name", "value": "fr"}
        )
        assert found.completion.values == ["friday"]
        file.write_bytes(b"x" * 5_000_001)
        for uri, wrong in (
            ("notes://never/text", "There is no such day."),
            ("notes://broken/text", r"Reading notes://\{name\}/text failed"),
            ("notes://exits/text", r"Reading notes://\{name\}/text failed"),
            ("notes://panics/text", r"Reading notes://\{name\}/text failed"),
            ("notes://cancels/text", r"Reading notes://\{name\}/text cancelled itself"),
            ("notes://a/b/text", "There is no resource 'notes://a/b/text'"),
            ("notes://..%2F..%2Fstyle.md/text", "There is no resource"),
            ("notes://..%5Cstyle.md/text", "There is no resource"),
            ("docs://style", "docs://style is larger than 5,000,000 bytes"),
        ):
            with pytest.raises(MCPError, match=wrong) as refused:
                await one.read_resource(uri)
            assert "secret" not in str(refused.value)
        file.unlink()
        with pytest.raises(MCPError, match=r"The file of this resource cannot be read: No such file or directory\."):
            await one.read_resource("docs://style")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not have such names")
@pytest.mark.requirement("prompts-and-resources")
async def test_files_whose_names_are_not_text_are_listed_and_read(tmp_path: Path) -> None:
    prompt, note = tmp_path / "b\udcff.md", tmp_path / "resources/b\udcff"
    prompt.write_text("Be brief.", encoding="utf-8")
    note.parent.mkdir()
    note.write_text("Short.", encoding="utf-8")
    resources = [*resources_of_folder(note.parent, "r\udcff").values()]
    async with client("auto", [prompt_of_file(prompt)], resources) as one:
        assert [each.name for each in (await one.list_prompts()).prompts] == ["b\ufffd"]
        first = (await one.list_resources()).resources[0]
        assert (str(first.uri), first.name) == ("resource://r%FF/b%FF", "b\ufffd")
        assert await contents(one, "resource://r%FF/b%FF") == "Short."


async def contents(client: Client, uri: str) -> str | bytes:
    (content,) = (await client.read_resource(uri)).contents
    if isinstance(content, types.TextResourceContents):
        return content.text
    assert isinstance(content, types.BlobResourceContents)
    return base64.b64decode(content.blob)


@pytest.mark.requirement("prompts-and-resources")
async def test_a_server_without_prompts_declares_none() -> None:
    async with client("legacy") as one:
        assert one.server_capabilities.prompts is None
        assert one.server_capabilities.completions is None


@pytest.mark.requirement("prompts-and-resources")
@pytest.mark.parametrize(
    ("make", "wrong"),
    [
        (lambda: Prompt("a", "{{b}}", values={"c": []}), "Prompt 'a' has no argument 'c'. It has: b."),
        (lambda: Prompt("", "x"), "Prompt '': give it a name"),
        (lambda: Prompt("a", 5), "Prompt 'a': its content is int. Give a text or a function"),  # type: ignore[arg-type]
        (lambda: Resource("a://b", None), "its content is NoneType. Give text, bytes"),  # type: ignore[arg-type]
        (lambda: Resource("style", ""), "a URI has a scheme"),
        (lambda: Resource("a://{b}", "text"), "a template needs a function"),
        (lambda: Resource("a://{b}/{b}", day), "Resource a://{b}/{b}: each variable can be in it once"),
        (lambda: Prompt("a", "{{b}}", values={"b": "Ada"}), "the values of b are 'Ada'. Give a list of texts"),
        (lambda: Resource("a://{b}", day, values={"b": "Ada"}), "the values of b are 'Ada'. Give a list of texts"),
        (lambda: client("auto", [Prompt("a", "x")] * 2), "More than one prompt"),
        (lambda: client("auto", resources=[Resource("a://b", "x")] * 2), "More than one resource"),
    ],
)
def test_what_is_wrong_is_said_when_it_is_made(make: Any, wrong: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        make()
    assert wrong in str(refused.value)


@pytest.mark.requirement("prompts-and-resources")
async def test_a_folder_of_agents_has_prompts_and_resources(tmp_path: Path) -> None:
    write(
        tmp_path / "desk",
        {
            "greeter.md": "---\nname: greeter\ndescription: Greets.\n---\nGreet.",
            "prompts/welcome.md": "---\ndescription: Welcomes.\nvalues: {who: [Ada, Bob]}\n---\nWelcome {{who}}.",
            "prompts/plain.md": "Say hello.",
            "resources/guide/how to.md": "# How",
            "resources/.hidden": "no",
        },
    )
    (tmp_path / "desk/resources/away").symlink_to("/etc/hostname")
    arguments = ("--agents", "desk")
    env = environment(PYTHONPATH=str(ROOT))
    async with serving("stdio", *arguments, env=env, cwd=tmp_path) as served, served.client() as one:
        assert [each.name for each in (await one.list_tools()).tools] == ["greeter_agent"]
        assert [each.name for each in (await one.list_prompts()).prompts] == ["plain", "welcome"]
        assert await said(one, "welcome", {"who": "Ada"}) == "Welcome Ada."
        uris = [str(each.uri) for each in (await one.list_resources()).resources]
        assert uris == ["resource://desk/guide/how%20to.md", "ui://dev.agentloop/timeline"]
        assert await contents(one, uris[0]) == "# How"


@pytest.mark.requirement("prompts-and-resources")
@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("---\ncolour: red\n---\nx", "2: colour is not known or has a wrong value"),
        ("---\nvalues: [a]\n---\nx", "2: values is not known or has a wrong value"),
        ("---\nvalues: {a: [b]}\n---\nx", "2: Prompt 'a' has no argument 'a'"),
        ("---\nvalues: {b: 5}\n---\n{{b}}", "2: Prompt 'a': the values of b are 5. Give a list of texts"),
        ("---\nvalues: {b: Ada}\n---\n{{b}}", "2: Prompt 'a': the values of b are 'Ada'. Give a list of texts"),
        ("---\nvalues: {b: [{c: d}]}\n---\n{{b}}", "2: Prompt 'a': the values of b are [{'c': 'd'}]"),
        ("---\nname: b\n", "1: the front matter that begins here has no end"),
        ("", "1: the prompt is empty"),
    ],
)
def test_a_wrong_prompt_file_is_said_with_its_place(tmp_path: Path, text: str, wrong: str) -> None:
    write(tmp_path, {"a.md": text})
    with pytest.raises(FrontMatterError) as refused:
        prompt_of_file(tmp_path / "a.md")
    assert f"{refused.value.line}: {refused.value}".startswith(wrong)


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
