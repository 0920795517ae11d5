"""A PDF is budgeted by its pages, not by its bytes."""

import io
import zlib
from collections.abc import Callable

import pytest
from PIL import Image as Picture

from agentloop import Agent, Document
from agentloop.media import pages_of
from agentloop.testing import ScriptedMessages, says
from agentloop.testing.server import Script

Serve = Callable[[Script], ScriptedMessages]


def pdf(pages: int) -> bytes:
    pictures = [Picture.new("RGB", (8, 8)) for _ in range(pages)]
    made = io.BytesIO()
    pictures[0].save(made, "PDF", save_all=True, append_images=pictures[1:])
    return made.getvalue()


def compressed(objects: bytes) -> bytes:
    return b"%PDF-1.7\n1 0 obj\n<< /Type /ObjStm /N 3 /First 9 >>\nstream\n" + zlib.compress(objects) + b"\nendstream"


@pytest.mark.parametrize(
    ("data", "pages"),
    [
        (pdf(1), 1),
        (pdf(7), 7),
        (compressed(b"<< /Type /Pages /Count 2 >> << /Type /Page >> << /Type/Page/Parent 1 0 R >>"), 2),
        (compressed(b"<< /Type /Page >>")[:-30], None),
        (b"%PDF-1.7 nothing", None),
    ],
)
def test_pages_are_counted_also_in_compressed_objects(data: bytes, pages: int | None) -> None:
    assert pages_of(data) == pages


@pytest.mark.requirement("images-and-documents")
async def test_a_large_pdf_of_few_pages_fits_a_budget_that_its_bytes_would_not(
    scripted_messages: Serve,
) -> None:
    server = scripted_messages([says("Three pages.")])
    large = pdf(3) + b"\n%" + b"x" * 500_000
    result = await Agent("a", "", client=server.client).run(["Summarise.", Document(large)], max_usd=0.50)
    assert result.answer == "Three pages."
