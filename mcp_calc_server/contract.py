"""The contract: what `schemas.json` says of the tools, which is the only place where they are described."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from agentloop import ToolSpec

# In a wheel beside this module, in a checkout at the root of the repository.
_PLACES = (Path(__file__).with_name("schemas.json"), Path(__file__).parent.parent / "schemas.json")


def contract_file() -> Path:
    """Where `schemas.json` is.

    Raises:
        FileNotFoundError: the installation is incomplete.
    """
    path = next((path for path in _PLACES if path.exists()), None)
    if path is None:
        raise FileNotFoundError(f"schemas.json is missing: looked at {' and '.join(map(str, _PLACES))}")
    return path


@cache
def load_specs() -> Mapping[str, ToolSpec]:
    """The tools by name, in the file's order.

    Raises:
        FileNotFoundError: the installation is incomplete.
    """
    entries = json.loads(contract_file().read_text(encoding="utf-8"))["tools"]
    return {entry["name"]: ToolSpec.from_json(entry) for entry in entries}
