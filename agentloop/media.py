"""Images and documents as the Messages API takes them.

The API refuses the whole conversation for an image that is empty, broken, too large, or not of the type it is said to
be. So data is decoded and looked at before it becomes a block.
"""

from __future__ import annotations

import base64
import binascii
import io
import re
import struct
import zlib
from typing import TYPE_CHECKING

from agentloop.imports import lazy
from agentloop.messages import Block

if TYPE_CHECKING:
    from PIL import Image
else:
    Image = lazy("PIL.Image")  # takes 50 ms, and most runs have no image

MAX_IMAGE_BYTES = 3_750_000
"""Bytes of an image: 5 MB in base64, the API's limit."""
MAX_SIDE = 2000
"""Pixels of an image's longer side. With many images in one request, the API takes no more."""
MAX_PIXELS = 100_000_000
"""Pixels of an image that is decoded here. A small file may have any number."""
MAX_DATA = 32 * 1024 * 1024
"""Bytes of data that are looked at."""
MAX_DOCUMENT_BYTES = 15_000_000
"""Bytes of a PDF. A request may have 32 MB, and all of a conversation is in it."""

_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"%PDF-", "application/pdf"),
)
_FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "ICO", "AVIF")
"""What is decoded here. Of these, the API takes the first four."""


MAX_INFLATED = 20_000_000
"""Bytes of one compressed stream that are looked at."""
MAX_KNOWN = 1000
"""PDFs whose pages are remembered."""

_known: dict[tuple[int, int], int | None] = {}
"""The pages of PDFs by length and hash of their base64, because every request of a conversation has them again."""
_PAGE = re.compile(rb"/Type\s*/Page(?![A-Za-z])")
_OBJECTS = re.compile(rb"/ObjStm\b.{0,300}?stream\r?\n", re.DOTALL)


class MediaError(ValueError):
    """Data that cannot be shown to a model; the text says why."""


def decoded(data: str) -> bytes:
    """The bytes of base64 text, also of a data URL, with line breaks, without padding, or in the alphabet for URLs.

    Raises:
        MediaError: it is empty, no base64, or too long.
    """
    if data.startswith("data:"):
        data = data.partition(",")[2]
    text = "".join(data.split()).rstrip("=").translate(str.maketrans("-_", "+/"))
    if len(text) > MAX_DATA * 4 // 3:
        raise MediaError(f"it has more than {MAX_DATA // 2**20} MiB")
    try:
        found = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        raise MediaError("its data is not base64") from None
    if not found:
        raise MediaError("it is empty")
    return found


def kind_of(data: bytes) -> str | None:
    """The media type that the first bytes say, of those the Messages API takes; None for any other."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for magic, kind in _MAGIC if data.startswith(magic)), None)


def image_block(data: bytes) -> tuple[Block, str | None]:
    """The image as a block, converted and scaled down if need be, and a sentence about that. May take a second.

    Raises:
        MediaError: it is no image, is broken, or has too many pixels.
    """
    try:
        data = _without_broken_extras(data)
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            return _usable(image, data)
    except MediaError:
        raise
    except Exception:  # noqa: BLE001 - a decoder of foreign data may raise anything
        raise MediaError("it is not a valid image") from None


def _without_broken_extras(data: bytes) -> bytes:
    """A PNG without the ancillary chunks, such as colour profiles, whose checksums are wrong. Browsers ignore them."""
    if not data.startswith(_MAGIC[0][0]):
        return data
    kept, at = [data[:8]], 8
    while at < len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        is_ancillary = data[at + 4 : at + 5].islower()
        if not is_ancillary or data[end - 4 : end] == struct.pack(">I", zlib.crc32(data[at + 4 : end - 4])):
            kept.append(data[at:end])
        at = end
    return b"".join(kept)


def _usable(image: Image.Image, data: bytes) -> tuple[Block, str | None]:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise MediaError(f"it has {width:,} x {height:,} pixels, and {MAX_PIXELS:,} at most are decoded")
    image.load()
    kind = kind_of(data)
    if kind is not None and max(width, height) <= MAX_SIDE and len(data) <= MAX_IMAGE_BYTES:
        return base64_block("image", kind, data), None
    kind, data, size = _scaled(image)
    scaled = f", scaled from {width:,} x {height:,} to {size[0]:,} x {size[1]:,} pixels"
    return base64_block("image", kind, data), f"The image was converted{'' if size == (width, height) else scaled}."


def document_block(data: bytes, title: str) -> Block:
    """A PDF as a block.

    Raises:
        MediaError: it is incomplete, encrypted or too long. The API reads no such document.
    """
    if len(data) > MAX_DOCUMENT_BYTES:
        raise MediaError(f"it has {len(data):,} bytes, and {MAX_DOCUMENT_BYTES:,} at most are sent")
    if kind_of(data) != "application/pdf" or b"startxref" not in data or b"%%EOF" not in data[-2048:]:
        raise MediaError("it is not a complete PDF")
    if b"/Encrypt" in data:
        raise MediaError("it is encrypted")
    return base64_block("document", "application/pdf", data) | {"title": title[:200]}


def _scaled(image: Image.Image) -> tuple[str, bytes, tuple[int, int]]:
    """The first frame as a JPEG, or as a PNG if it has transparent parts, in less than the allowed size."""
    has_alpha = image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info
    frame = image.convert("RGBA" if has_alpha else "RGB")
    side = MAX_SIDE
    while True:
        frame.thumbnail((side, side))
        out = io.BytesIO()
        if has_alpha:
            frame.save(out, "PNG")
        else:
            frame.save(out, "JPEG", quality=85)
        if out.tell() <= MAX_IMAGE_BYTES:
            return f"image/{'png' if has_alpha else 'jpeg'}", out.getvalue(), frame.size
        side = side * 3 // 4


def base64_block(kind: str, media_type: str, data: bytes) -> Block:
    """Data as an `image` or `document` block."""
    source = {"type": "base64", "media_type": media_type, "data": base64.b64encode(data).decode()}
    return {"type": kind, "source": source}


def pages_in(data: str) -> int | None:
    """The pages of a PDF in base64; None if they cannot be counted."""
    key = len(data), hash(data)
    if key not in _known:
        if len(_known) >= MAX_KNOWN:
            _known.clear()
        try:
            _known[key] = pages_of(base64.b64decode(data))
        except ValueError:
            _known[key] = None
    return _known.get(key)


def pages_of(pdf: bytes) -> int | None:
    """The pages of a PDF, those of earlier versions of the file included; None if none are found.

    Pages are objects, either as they are or in compressed streams of objects (ISO 32000-1, 7.5.7).
    """
    count = len(_PAGE.findall(pdf))
    for found in _OBJECTS.finditer(pdf):
        try:
            objects = zlib.decompressobj().decompress(memoryview(pdf)[found.end() :], MAX_INFLATED)
        except zlib.error:
            continue
        count += len(_PAGE.findall(objects))
    return count or None
