"""What a prompt or a tool's result can have besides text: images and documents."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentloop.errors import ConfigurationError
from agentloop.media import base64_block, kind_of

MAX_IMAGE = 5 * 1024 * 1024
"""Characters of an image in base64 that the Messages API takes."""
MAX_DOCUMENT = 30 * 1024 * 1024
"""Characters of a document, as text or in base64; a request may have 32 MB."""

_PDF = "application/pdf"


@dataclass(frozen=True, slots=True)
class Image:
    """A PNG, JPEG, GIF or WebP image, as the bytes of its file.

    Example:
        result = await agent.run(["What is on this picture?", Image.from_file("cat.png")])

    Raises:
        ConfigurationError: it is none of these, or larger than the Messages API takes.
    """

    data: bytes

    def __post_init__(self) -> None:
        _check_kind("Image", self.data, bytes, bytearray)
        _check_size("image", (len(self.data) + 2) // 3 * 4, MAX_IMAGE)
        _ = self.media_type

    @classmethod
    def from_file(cls, path: str | Path) -> Image:
        """The image in a file.

        Raises:
            ConfigurationError: the file cannot be read, or as the class.
        """
        return cls(_bytes_of(path))

    @property
    def media_type(self) -> str:
        """As the first bytes say."""
        kind = kind_of(self.data)
        if kind is None or not kind.startswith("image/"):
            raise ConfigurationError(
                "The Messages API takes images in PNG, JPEG, GIF or WebP only, and this is none of them."
            )
        return kind

    def to_block(self) -> dict[str, Any]:
        """The content block of the Messages API."""
        return base64_block("image", self.media_type, self.data)


@dataclass(frozen=True, slots=True)
class Document:
    """A document: the bytes of a PDF file, or text.

    Example:
        result = await agent.run(["Summarise this.", Document.from_file("contract.pdf")])

    Raises:
        ConfigurationError: it is empty, bytes that are no PDF, or more than the Messages API takes.
    """

    data: bytes | str
    title: str | None = None

    def __post_init__(self) -> None:
        _check_kind("Document", self.data, bytes, bytearray, str)
        if not self.data.strip():
            raise ConfigurationError("The document is empty, which the Messages API does not take.")
        if not isinstance(self.data, str) and kind_of(self.data) != _PDF:
            raise ConfigurationError("The Messages API takes documents as PDF or as text only; give text as str.")
        size = len(self.data) if isinstance(self.data, str) else (len(self.data) + 2) // 3 * 4
        _check_size("document", size, MAX_DOCUMENT)

    @classmethod
    def from_file(cls, path: str | Path) -> Document:
        """The PDF, or the UTF-8 text, in a file, whose name is the title.

        Raises:
            ConfigurationError: the file cannot be read or is neither, or as the class.
        """
        data = _bytes_of(path)
        if kind_of(data) == _PDF:
            return cls(data, Path(path).name)
        try:
            return cls(data.decode(), Path(path).name)
        except UnicodeDecodeError:
            raise ConfigurationError(f"{path} is neither a PDF nor UTF-8 text.") from None

    def to_block(self) -> dict[str, Any]:
        """The content block of the Messages API."""
        if isinstance(self.data, str):
            source = {"type": "text", "media_type": "text/plain", "data": self.data}
            block: dict[str, Any] = {"type": "document", "source": source}
        else:
            block = base64_block("document", _PDF, self.data)
        return block if self.title is None else block | {"title": self.title}


def _check_kind(name: str, data: object, *kinds: type) -> None:
    if not isinstance(data, kinds):
        raise ConfigurationError(
            f"{name}({data!r:.100}): give the content and not its place. {name}.from_file(path) reads a file."
        )


def _check_size(what: str, size: int, limit: int) -> None:
    if size > limit:
        raise ConfigurationError(
            f"The {what} has {size:,} characters as it is sent; the Messages API takes {limit:,} at most."
        )


def _bytes_of(path: str | Path) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from None
