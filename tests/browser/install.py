"""Install what the browser tests need: `python tests/browser/install.py`. It says what it installs.

Playwright goes into the virtual environment, axe into `node_modules`, and Chromium, if there is none, comes from
Debian's packages, which takes root. No browser is downloaded.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
NODE_MODULES = HERE / "node_modules"
PLAYWRIGHT = "playwright>=1.55,<2"
INSTALL_SECONDS = 900


def main() -> None:
    _install_playwright()
    _install_axe()
    _install_chromium()


def _install_playwright() -> None:
    try:
        import playwright  # noqa: F401, PLC0415 - whether it is there
    except ImportError:
        _run(sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install", PLAYWRIGHT)


def _install_axe() -> None:
    npm = shutil.which("npm")
    if npm is None:
        sys.exit("npm is not installed, which axe-core comes by. On Debian: apt-get install npm")
    stamp = NODE_MODULES / ".installed"
    wanted = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    _run(npm, "ci", "--loglevel=error")
    stamp.write_text(wanted)


def _install_chromium() -> None:
    if shutil.which("chromium"):
        return
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        sys.exit("There is no chromium here. On Debian, as root: apt-get install chromium fonts-dejavu-core")
    _run("apt-get", "update", "-qq")
    _run("apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium", "fonts-dejavu-core")


def _run(*command: str) -> None:
    print(f"browser tests: {' '.join(command)}", file=sys.stderr)  # noqa: T201
    subprocess.run(
        command, cwd=HERE, check=True, timeout=INSTALL_SECONDS, env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    )


if __name__ == "__main__":
    main()
