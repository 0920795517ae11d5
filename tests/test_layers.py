"""The rooms know of each other what docs/design.md says, and no more."""

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
