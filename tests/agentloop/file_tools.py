"""Functions that agent files in tests name."""

from agentloop import Tool


def words(text: str) -> int:
    """Count the words of a text."""
    return len(text.split())


def unannotated(text):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
    """Return the text: no tool can be made of this."""
    return text


letters = Tool.from_function(words, name="letters")
NUMBER = 3
