"""The packages import each other as docs/architecture.md says, and nothing private of other distributions."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.requirement("layers")
def test_the_import_contracts_hold() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [linter], capture_output=True, text=True, timeout=50, cwd=Path(__file__).parent.parent, check=False
    )
    assert done.returncode == 0, done.stdout


PACKAGES = ("agentloop", "benchmarks", "mcp_calc_server", "offline_model", "orchestrator_client", "tests")


def private_imports(source: str) -> list[str]:
    """The private modules and names of other distributions, and of the standard library, that the source imports."""
    imported: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            imported += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            imported += [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
            if name in {"lazy", "import_module", "__import__"} and node.args and isinstance(node.args[0], ast.Constant):
                imported.append(str(node.args[0].value))
    foreign = [name for name in imported if name.partition(".")[0] not in PACKAGES]
    return [name for name in foreign if any(re.match(r"_(?!_)", part) for part in name.split("."))]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import a._b.c", ["a._b.c"]),
        ("from a import _b", ["a._b"]),
        ("from a._b import c as d", ["a._b.c"]),
        ("x = lazy('a._b')", ["a._b"]),
        ("def f():\n    import _a", ["_a"]),
        ("from __future__ import annotations\nfrom . import _own\nfrom agentloop import _own\nimport a.b", []),
    ],
)
def test_the_check_finds_private_imports(source: str, found: list[str]) -> None:
    assert private_imports(source) == found


def _sources(folder: Path) -> list[Path]:
    """Our own files: environments of other programs are in folders that begin with a dot, or in node_modules."""
    return [
        file
        for file in folder.rglob("*.py")
        if not any(part.startswith(".") or part == "node_modules" for part in file.relative_to(folder).parts)
    ]


def test_private_parts_of_other_distributions_are_imported_by_sdk_compat_only() -> None:
    root = Path(__file__).parent.parent
    files = [file for package in PACKAGES for file in _sources(root / package) if file.stem != "sdk_compat"]
    assert len(files) > 100
    found = {str(file.relative_to(root)): private_imports(file.read_text(encoding="utf-8")) for file in files}
    assert {file: names for file, names in found.items() if names} == {}
