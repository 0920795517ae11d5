"""Resources that a server publishes: texts and files that clients may give to their model."""

from __future__ import annotations

import base64
import mimetypes
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from mcp import types
from mcp.shared.exceptions import MCPError

from agentloop import ConfigurationError, ToolError
from agentloop.exact_json import encodable_text
from agentloop.mcp.server.prompts import called, check_values

MAX_BYTES = 5_000_000
"""Of one resource."""
MAX_FILES = 1000
"""Files in one folder."""

Contents = types.TextResourceContents | types.BlobResourceContents

_VARIABLE = re.compile(r"\{([A-Za-z_]\w*)\}")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+")


@dataclass(frozen=True)
class Resource:
    """A text, bytes, a file that is read when a client asks for it, or a function that returns text or bytes.

    A `uri` with `{name}` in it is a template: its content is a function, sync or async, with these parameters, which
    are strings without slashes, also when decoded. `values` are what a client may complete them to. Without a
    `mime_type` it is guessed from the file's or the URI's ending.

    Example:
        style = Resource("docs://style", Path("style.md"), description="How we write.")
        notes = Resource("notes://{day}", lambda day: read_notes(day), values={"day": ["monday", "friday"]})
        serve(writer, resources=[style, notes])

    Raises:
        ConfigurationError: the URI has no scheme, a template has no function or a variable twice, or `values` name no
            variable.
    """

    uri: str
    content: str | bytes | Path | Callable[..., Any]
    name: str | None = None
    description: str = ""
    title: str | None = None
    mime_type: str | None = None
    values: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _URI.fullmatch(str(self.uri)):
            raise ConfigurationError(f"Resource {self.uri!r}: a URI has a scheme, for example docs://style.")
        if not isinstance(self.content, str | bytes | Path) and not callable(self.content):
            kind = type(self.content).__name__
            raise ConfigurationError(
                f"Resource {self.uri}: its content is {kind}. Give text, bytes, a Path or a function."
            )
        if self.variables and not callable(self.content):
            raise ConfigurationError(f"Resource {self.uri}: a template needs a function with its variables.")
        if len({*self.variables}) < len(self.variables):
            raise ConfigurationError(f"Resource {self.uri}: each variable can be in it once.")
        if unknown := sorted({*self.values} - {*self.variables}):
            raise ConfigurationError(f"Resource {self.uri} has no variable {unknown[0]!r}.")
        check_values(f"Resource {self.uri}", self.values)

    @cached_property
    def variables(self) -> tuple[str, ...]:
        return tuple(_VARIABLE.findall(self.uri))

    def about(self) -> dict[str, Any]:
        """What a list says of it besides its URI."""
        name = self.name or self.uri.rpartition("/")[2] or self.uri
        return {"name": name, "title": self.title, "description": self.description or None, "mime_type": self._mime()}

    def matched(self, uri: str) -> dict[str, str] | None:
        """The variables in a URI of this resource; None for another one's."""
        if not self.variables:
            return {} if uri == self.uri else None
        found = self._pattern.fullmatch(uri)
        values = {} if found is None else {name: unquote(value) for name, value in found.groupdict().items()}
        # Functions put them into paths of files: `..%2F..` must not lead out of a folder, nor `..\..` on Windows.
        is_safe = not any(each in value for value in values.values() for each in ("/", "\\"))
        return values if values and is_safe else None

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        parts = re.split(_VARIABLE, self.uri)
        return re.compile(
            "".join(f"(?P<{part}>[^/]+)" if index % 2 else re.escape(part) for index, part in enumerate(parts))
        )

    async def read(self, uri: str, variables: Mapping[str, str]) -> Contents:
        """The content, as text if it is UTF-8.

        Raises:
            MCPError: it cannot be read, or is too large.
        """
        content: Any = self.content
        if isinstance(content, Path):
            content = await called(partial(_bytes_of, content), {}, f"Reading {self.uri}")
        elif callable(content):
            content = await called(content, variables, f"Reading {self.uri}")
        if not isinstance(content, str | bytes):
            raise MCPError(types.INTERNAL_ERROR, f"{self.uri} is neither text nor bytes.")
        if len(content) > MAX_BYTES:
            raise MCPError(types.INTERNAL_ERROR, f"{self.uri} is larger than {MAX_BYTES:,} bytes.")
        if isinstance(content, bytes) and b"\0" not in content:
            with suppress(UnicodeDecodeError):
                content = content.decode()
        if isinstance(content, str):
            return types.TextResourceContents(uri=uri, mime_type=self._mime() or "text/plain", text=content)
        blob = base64.b64encode(content).decode()
        return types.BlobResourceContents(uri=uri, mime_type=self._mime() or "application/octet-stream", blob=blob)

    def _mime(self) -> str | None:
        named = self.content.name if isinstance(self.content, Path) else self.uri.rpartition("/")[2]
        return self.mime_type or mimetypes.guess_type(named)[0]


def _bytes_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ToolError(f"The file of this resource cannot be read: {error.strerror}.") from None


def resources_of_folder(folder: Path, name: str) -> dict[Path, Resource]:
    """The files below a folder, each as `resource://NAME/PATH`, but hidden ones and links that lead elsewhere.

    Raises:
        ConfigurationError: there are more than `MAX_FILES`.
    """
    root = folder.resolve()
    found = {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.resolve().is_relative_to(root)
    }
    places = {place: path for place, path in found.items() if not re.search(r"(^|/)\.", place)}
    if len(places) > MAX_FILES:
        raise ConfigurationError(f"more than {MAX_FILES:,} files")
    return {
        path: Resource(f"resource://{_quoted(name)}/{_quoted(place)}", path, name=encodable_text(place))
        for place, path in places.items()
    }


def _quoted(name: str) -> str:
    return quote(name, errors="surrogateescape")  # a file's name may be any bytes
