"""Resources and prompts of servers in what the user asks: `@server:uri`, and `/server:prompt name=value`."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Callable, Sequence
from functools import partial

from mcp import Client
from mcp.types import Prompt, PromptMessage, PromptReference, ReadResourceResult, Resource

from agentloop import AgentError, ToolError
from agentloop.mcp.client.connection import Connection
from agentloop.mcp.client.content import Content
from agentloop.mcp.client.pages import listed_prompts, listed_resources
from agentloop.messages import Block, Message
from agentloop.narration import clip

Say = Callable[[str], None]
MAX_NAMES = 500
"""Prompts or resources of one server that are completed."""
SUGGESTION_TIMEOUT = 5.0
"""Seconds a server has to suggest values while the user waits."""
_BEFORE_A_MENTION = "([{\"'"
_AFTER_A_URI = ".,;:?!)]}\"'"


class AttachmentError(AgentError):
    """What was named cannot be attached; the text says why."""


def server_of(text: str, connections: Sequence[Connection]) -> Connection | None:
    """The server whose name and a colon the text begins with."""
    return next((each for each in connections if text.startswith(f"{each.name}:")), None)


def mentions(question: str, connections: Sequence[Connection]) -> list[tuple[Connection, str]]:
    """The resources named as `@server:uri`, with their servers. Words after an @ that name no server are text."""
    found = []
    for each in question.split():
        word = each.lstrip(_BEFORE_A_MENTION)
        connection = server_of(word[1:], connections) if word.startswith("@") else None
        if connection is not None and (uri := word[len(connection.name) + 2 :].rstrip(_AFTER_A_URI)):
            found.append((connection, uri))
    return list(dict.fromkeys(found))


async def question_content(question: str, connections: Sequence[Connection], say: Say) -> Message:
    """A question, with the resources it names before it. `say` receives a line for each note about them.

    Raises:
        AttachmentError: a resource cannot be read.
    """
    blocks: list[Block] = []
    notes: list[str] = []
    for connection, uri in mentions(question, connections):
        content = Content(connection.name)
        try:
            result = await connection.request(partial(_read, uri=uri))
        except ToolError as error:
            raise AttachmentError(f"@{connection.name}:{uri} cannot be attached: {error}") from None
        for item in result.contents:
            await content.add(item)
        blocks += content.blocks
        notes += [f"attached: @{connection.name}:{clip(uri, 200)}", *content.notes]
    for note in notes:
        say(note)
    text = question.encode("utf-8", "replace").decode()
    return {"role": "user", "content": [*blocks, {"type": "text", "text": text}]}


async def prompt_content(command: str, connections: Sequence[Connection], say: Say) -> Message:
    """The prompt that a command `server:prompt name=value ...` names. `say` receives a line for each note about it.

    Raises:
        AttachmentError: there is no such prompt, an argument is missing or wrong, or the server refuses it.
    """
    connection, name, given = _parsed(command, connections)
    known = {prompt.name: prompt for prompt in await prompts_of(connection)}
    if name not in known:
        names = ", ".join(sorted(known)[:20]) or "none"
        raise AttachmentError(f"{connection.name} has no prompt {clip(name, 64)!r}. It has: {names}.")
    arguments = _arguments(known[name], given)
    try:
        result = await connection.request(lambda client: client.get_prompt(name, arguments))
    except ToolError as error:
        raise AttachmentError(f"{connection.name}:{name}: {error}") from None
    content = Content(connection.name)
    await _add_messages(content, result.messages)
    if not content.blocks:
        raise AttachmentError(f"{connection.name}:{name} is empty.")
    for note in content.notes:
        say(note)
    return {"role": "user", "content": list(content.blocks)}


async def _add_messages(content: Content, messages: Sequence[PromptMessage]) -> None:
    """All messages as one of the user. If they are a conversation, each begins with who says it."""
    is_talk = any(message.role != "user" for message in messages)
    for message in messages:
        if is_talk:
            content.text(f"{message.role.capitalize()}:")
        await content.add(message.content)


def _parsed(command: str, connections: Sequence[Connection]) -> tuple[Connection, str, dict[str, str]]:
    connection = server_of(command, connections)
    if connection is None:
        names = ", ".join(each.name for each in connections) or "none"
        shown = clip(command, 80)
        raise AttachmentError(f"{shown!r} begins with no server's name. Use server:prompt; servers: {names}.")
    try:
        name, *words = shlex.split(command[len(connection.name) + 1 :]) or [""]
    except ValueError as error:
        raise AttachmentError(f"{clip(command, 80)}: {error}") from None
    pairs = [word.partition("=") for word in words]
    if wrong := next((pair[0] for pair in pairs if not pair[1]), None):
        raise AttachmentError(f"{clip(wrong, 80)!r}: arguments of a prompt are given as name=value.")
    return connection, name, {key: value for key, _, value in pairs}


def _arguments(prompt: Prompt, given: dict[str, str]) -> dict[str, str]:
    declared = {argument.name: argument for argument in prompt.arguments or ()}
    usage = f"{prompt.name} takes {', '.join(f'{name}=...' for name in declared) or 'no arguments'}."
    if unknown := next((name for name in given if name not in declared), None):
        raise AttachmentError(f"There is no argument {clip(unknown, 64)!r}. {usage}")
    if missing := next((name for name, each in declared.items() if each.required and name not in given), None):
        raise AttachmentError(f"The argument {clip(missing, 64)!r} is missing. {usage}")
    return given


async def prompts_of(connection: Connection) -> list[Prompt]:
    """The prompts that a server lists; none if it has none or cannot be asked."""
    try:
        return await connection.request(partial(listed_prompts, at_most=MAX_NAMES))
    except ToolError:
        return []


async def resources_of(connection: Connection) -> list[Resource]:
    """The resources that a server lists; none if it has none or cannot be asked."""
    try:
        return await connection.request(partial(listed_resources, at_most=MAX_NAMES))
    except ToolError:
        return []


async def argument_values(
    connection: Connection, prompt: str, argument: str, begun: str, given: dict[str, str]
) -> list[str]:
    """The values that a server suggests for an argument of a prompt; none if it suggests none or takes too long.

    `begun` is what the user has typed of the value, `given` the values of other arguments.
    """

    async def suggestions(client: Client) -> list[str]:
        if client.server_capabilities.completions is None:
            return []
        about = {"name": argument, "value": begun}
        result = await client.complete(PromptReference(name=prompt), about, context_arguments=given or None)
        return result.completion.values

    try:
        async with asyncio.timeout(SUGGESTION_TIMEOUT):
            return [each for each in await connection.request(suggestions) if each.isprintable()][:MAX_NAMES]
    except (ToolError, TimeoutError):
        return []


async def _read(client: Client, *, uri: str) -> ReadResourceResult:
    return await client.read_resource(uri, cache_mode="bypass")
