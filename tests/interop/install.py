"""Install the clients and servers that run here: `python tests/interop/install.py [npm | NAME...]`.

The npm packages go into `node_modules`; each NAME.txt, whose packages would conflict with this project's own, into a
virtual environment in `.venvs`. What is there already stays.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
VENVS = HERE / ".venvs"
NODE_MODULES = HERE / "node_modules"
ENVIRONMENTS = ("mcp1", "fastmcp", "servers", "litellm", "skillsaw", "uv")
INSTALL_SECONDS = 900


def main(names: Sequence[str]) -> None:
    for name in names or ("npm", *ENVIRONMENTS):
        if name == "npm":
            _install_npm()
        else:
            _install_environment(name)


def _install_npm() -> None:
    npm = shutil.which("npm")
    if npm is None:
        print("npm is not installed: the clients that need it are skipped.", file=sys.stderr)  # noqa: T201
        return
    stamp = NODE_MODULES / ".installed"
    wanted = _digest(HERE / "package.json", HERE / "package-lock.json")
    if stamp.exists() and stamp.read_text() == wanted:
        return
    _run(npm, "ci", "--loglevel=error")
    stamp.write_text(wanted)


def _install_environment(name: str) -> None:
    folder = VENVS / name
    requirements = HERE / f"{name}.txt"
    stamp = folder / ".installed"
    wanted = _digest(requirements)
    if stamp.exists() and stamp.read_text() == wanted:
        return
    venv.create(folder, clear=True, with_pip=True)
    pip = (str(folder / "bin/python"), "-m", "pip", "--quiet", "--disable-pip-version-check")
    _run(*pip, "install", "-r", str(requirements))
    stamp.write_text(wanted)


def _digest(*paths: Path) -> str:
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in paths)).hexdigest()


def _run(*command: str) -> None:
    subprocess.run(command, cwd=HERE, check=True, timeout=INSTALL_SECONDS)


if __name__ == "__main__":
    main(sys.argv[1:])
