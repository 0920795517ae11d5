"""A function of the same name as one in `file_tools`."""

from tests.agentloop.file_tools import words

__all__ = ["words"]
