"""Agents as Markdown files, in the format of Claude Code's subagent files (`.claude/agents/*.md`).

A file has YAML front matter, and its body is the system prompt:

    ---
    name: greeter
    description: Writes a greeting in a given language.
    model: haiku
    ---
    You write greetings of one sentence.

`load_agents` reads files and directories; `agentloop.file_agents` makes `Agent`s of what it returns.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, ValidationError, ValidationInfo
from pydantic.alias_generators import to_camel
from pydantic.dataclasses import dataclass

from agentloop.front_matter import FrontMatter, FrontMatterError, markdown_files, read_front_matter, read_text
from agentloop.model import Effort
from agentloop.typed import Typed

MAX_FILES = 1000
"""Markdown files in one directory."""
PROMPTS, RESOURCES = "prompts", "resources"
"""Folders in a directory of agent files that have none: see `agentloop.mcp.server`."""
MAX_NAME = 58
"""Characters of an agent's name. With `_agent` after it, it is the name of a tool, which may have 64."""

CLAUDE_CODE_KEYS = (
    "permissionMode",
    "skills",
    "hooks",
    "memory",
    "background",
    "isolation",
    "color",
    "initialPrompt",
)
"""Keys of Claude Code that mean nothing outside it."""

Level = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Problem:
    """Something to say about a line of a file, or about all of it. An error keeps the agent from being used."""

    path: Path
    line: int | None
    level: Level
    text: str

    def __str__(self) -> str:
        place = str(self.path) if self.line is None else f"{self.path}:{self.line}"
        return f"{place}: {self.level}: {self.text}"


def split_names(value: object) -> tuple[str, ...]:
    """The tool names in a comma-separated text, or in a list. Commas in parentheses do not separate.

    Raises:
        ValueError: it is neither.
    """
    if isinstance(value, str):
        value = re.split(r",(?![^(]*\))", value)
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
        raise ValueError("write tool names separated by commas, or a list of them")
    return tuple(name.strip() for name in value if name.strip())


def _servers(value: object) -> dict[str, Mapping[str, Any] | None]:
    """MCP servers by name. None stands for a server that is configured elsewhere."""
    items = [value] if isinstance(value, Mapping) else value
    if not isinstance(items, list):
        raise ValueError(  # noqa: TRY004 - pydantic reports ValueError only
            "write a list of server names and `name: {command: ...}` or `name: {url: ...}` objects"
        )
    servers: dict[str, Mapping[str, Any] | None] = {}
    for item in items:
        for name, entry in item.items() if isinstance(item, Mapping) else [(item, None)]:
            if not isinstance(name, str) or not name:
                raise ValueError(f"{name!r} is not the name of a server")
            if name in servers:
                raise ValueError(f"the server {name!r} is defined twice")
            servers[name] = None if entry is None else _server(name, entry)
    return servers


def _server(name: str, entry: object) -> Mapping[str, Any]:
    if not isinstance(entry, Mapping) or not any(isinstance(entry.get(key), str) for key in ("command", "url")):
        raise ValueError(f"the server {name!r} needs a `command` to start or a `url` to connect to")
    return entry


def _schema(value: object, info: ValidationInfo) -> dict[str, Any]:
    """A JSON Schema of an object: inline, or the path of a JSON file relative to the agent file."""
    if isinstance(value, str):
        value = _schema_file(info.data["path"].parent / value)
    try:
        schema = json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ValueError(f"the schema is not JSON: {error}. Dates have to be quoted.") from None
    if not isinstance(schema, dict):
        raise ValueError("the schema has to describe an object: type: object")  # noqa: TRY004 - pydantic, as above
    return dict(Typed(schema, "the schema").schema)


def _schema_file(path: Path) -> Any:
    try:
        return json.loads(read_text(path))
    except FrontMatterError as error:
        raise ValueError(f"{path}: {error}") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON: {error}") from None


def _not_blank(value: str) -> str:
    if not value.strip():
        raise ValueError("is empty")
    return value.strip()


def _model(value: str) -> str:
    if len(value.split()) != 1:
        raise ValueError(f"write one alias or model id, not {value!r}")
    return value.strip()


Model = Annotated[str, AfterValidator(_model)]
Text = Annotated[str, AfterValidator(_not_blank)]
Names = Annotated[tuple[str, ...], BeforeValidator(split_names)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Schema = Annotated[Mapping[str, Any], BeforeValidator(_schema)]
Servers = Annotated[Mapping[str, Mapping[str, Any] | None], BeforeValidator(_servers)]


@dataclass(
    frozen=True,
    config=ConfigDict(strict=True, alias_generator=to_camel, validate_by_name=True, validate_by_alias=True),
)
class AgentFile:
    """What an agent file says. Times are in seconds.

    `tools` is None if the file does not restrict them, `model` a model id, an alias or "inherit". `output` and `input`
    are JSON Schemas, and `schema_files` the files that have them. `approve` names the tools that a person has to
    approve. An MCP server without an entry of its own is one that is configured elsewhere. `lines` are the lines of the
    keys.
    """

    path: Path
    name: Annotated[Text, Field(pattern=rf"^[a-zA-Z0-9_-]{{1,{MAX_NAME}}}$")]
    description: Text
    system_prompt: str = ""
    tools: Names | None = None
    disallowed_tools: Names = ()
    model: Model = "inherit"
    effort: Effort | None = None
    max_turns: Annotated[int, Field(ge=1)] | None = None
    mcp_servers: Servers = field(default_factory=dict)
    output: Schema | None = None
    input: Schema | None = None
    sessions: bool = False
    attach: bool = False
    max_usd: Positive | None = None
    timeout: Positive | None = None
    can_ask: bool = False
    approve: Names = ()
    schema_files: tuple[Path, ...] = ()
    lines: Mapping[str, int] = field(default_factory=dict)

    def problem(self, level: Level, key: str, text: str) -> Problem:
        """A problem with the value of a key of this file."""
        return Problem(self.path, self.lines.get(key, 1), level, text)


_NO_KEYS = {"path", "system_prompt", "schema_files", "lines"}
KEYS = [to_camel(each.name) for each in fields(AgentFile) if each.name not in _NO_KEYS]


@dataclass(frozen=True)
class AgentFiles:
    """The agent files found, and what there is to say about them and about other files."""

    files: tuple[AgentFile, ...]
    problems: tuple[Problem, ...]

    @property
    def errors(self) -> tuple[Problem, ...]:
        return tuple(problem for problem in self.problems if problem.level == "error")


def load_agents(*paths: Path) -> AgentFiles:
    """Read agent files, and all `*.md` in directories at any depth. Nothing is raised: see `AgentFiles.errors`.

    Folders named `prompts` and `resources` in a directory are not read. README.md and files without front matter in it
    are skipped with a note. Two agents of one name are an error.

    Example:
        >>> loaded = load_agents(Path(".claude/agents"))
        >>> [file.name for file in loaded.files], [str(error) for error in loaded.errors]
    """
    files: list[AgentFile] = []
    problems: list[Problem] = []
    for path in paths:
        here: list[Problem] = []
        read = [_read(found, here, is_given=found == path) for found in _found(path, here)]
        if not any(read) and not any(problem.level == "error" for problem in here):
            here.append(Problem(path, None, "error", "no agent files in this directory"))
        files.extend(file for file in read if file is not None)
        problems.extend(here)
    return AgentFiles(tuple(files), (*problems, *_duplicates(files)))


def _found(path: Path, problems: list[Problem]) -> list[Path]:
    if not path.is_dir():
        return [path]
    apart = {PROMPTS, RESOURCES}
    below = markdown_files(path.rglob("*.md"))
    found = [file for file in below if not apart & {*file.relative_to(path).parts[:-1]}]
    if len(found) > MAX_FILES:
        text = f"more than {MAX_FILES:,} Markdown files: name the directory of the agents"
        problems.append(Problem(path, None, "error", text))
        return []
    readmes = [file for file in found if file.name.lower() == "readme.md"]
    problems.extend(Problem(file, 1, "note", "skipped: a README is not an agent") for file in readmes)
    return [file for file in found if file not in readmes]


def _duplicates(files: Iterable[AgentFile]) -> Iterable[Problem]:
    by_name: dict[str, AgentFile] = {}
    for file in files:
        other = by_name.setdefault(file.name, file)
        if other is not file:
            yield file.problem("error", "name", f"the name {file.name!r} is that of {other.path} too")


def _read(path: Path, problems: list[Problem], *, is_given: bool) -> AgentFile | None:
    try:
        front = read_front_matter(read_text(path), keys=(*KEYS, *CLAUDE_CODE_KEYS))
    except FrontMatterError as error:
        problems.append(Problem(path, error.line, "error", str(error)))
        return None
    if front is None:
        level: Level = "error" if is_given else "note"
        skipped = "" if is_given else "skipped: "
        problems.append(Problem(path, 1, level, f"{skipped}no front matter: an agent file begins with a line ---"))
        return None
    problems.extend(_warnings(path, front))
    return _validated(path, front, problems)


def _warnings(path: Path, front: FrontMatter) -> Iterable[Problem]:
    if front.unquoted is not None:
        text = "the description is not valid YAML and was read as text: quote it, or begin it with | on its own line"
        yield Problem(path, front.unquoted, "warning", text)
    for key, line in front.lines.items():
        if key in CLAUDE_CODE_KEYS:
            yield Problem(path, line, "warning", f"{key} has no effect outside Claude Code")
        elif key not in KEYS:
            close = get_close_matches(key.replace("_", "").replace("-", ""), KEYS, 1, 0.8)
            hint = f": did you mean {close[0]}?" if close else ""
            yield Problem(path, line, "warning", f"unknown key {key!r}{hint}")
    if not front.body.strip():
        yield Problem(path, 1, "warning", "there is no system prompt after the front matter")


def _validated(path: Path, front: FrontMatter, problems: list[Problem]) -> AgentFile | None:
    values = {key: value for key, value in front.values.items() if key in KEYS}
    lines = {key: front.lines[key] for key in values}
    schemas = tuple(path.parent / each for key in ("output", "input") if isinstance(each := values.get(key), str))
    if "name" in values:
        values["name"] = _usable_name(path, values["name"], lines["name"], problems)
    before = len(problems)
    problems.extend(
        Problem(path, lines[key], "error", f"{key} has no value: give one, or remove the line")
        for key, value in values.items()
        if value is None
    )
    try:
        given: dict[str, Any] = {key: value for key, value in values.items() if value is not None}
        file = AgentFile(path=path, system_prompt=front.body.strip(), schema_files=schemas, lines=lines, **given)
    except ValidationError as error:
        problems.extend(
            Problem(path, lines.get(str(wrong["loc"][0]), 1), "error", _wording(wrong))
            for wrong in error.errors()
            if values.get(str(wrong["loc"][0]), "") is not None
        )
        return None
    return file if len(problems) == before else None


def _usable_name(path: Path, name: object, line: int, problems: list[Problem]) -> object:
    """The name as that of a tool may be written, if there is such a form."""
    if not isinstance(name, str) or re.fullmatch(r"[a-zA-Z0-9_-]*", name):
        return name
    usable = re.sub(r"[^a-z0-9_]+", "-", name.lower()).strip("-")
    if not usable:
        return name
    text = f"the name {name!r} has other characters than letters, digits, '_' and '-': {usable} is used"
    problems.append(Problem(path, line, "warning", text))
    return usable


def _wording(wrong: Any) -> str:
    key, *place = wrong["loc"]
    if wrong["type"] == "missing":
        return f"{key} is missing"
    if wrong["type"] == "value_error":
        return f"{key}: {wrong['ctx']['error']}"
    if key == "name" and wrong["type"] == "string_pattern_mismatch":
        return f"name: use 1 to {MAX_NAME} letters, digits, '_' and '-'"
    if key == "effort" and wrong["type"] == "literal_error":
        return f"effort: one of {', '.join(get_args(Effort))}, not {wrong['input']!r}"
    where = "".join(f".{part}" for part in place)
    given = repr(wrong["input"])
    return f"{key}{where}: {wrong['msg'][0].lower()}{wrong['msg'][1:]}, not {given[:60]}"
