"""`mcp-calc-server` in this process, for what it does before it serves: a process of its own would mostly import."""

import gc
import os

from click.testing import CliRunner, Result

from mcp_calc_server.cli import main
from tests.processes import environment


def server(*arguments: str, **env: str) -> Result:
    """Run the command to its end, in the environment that `tests.processes` gives a process."""
    only = dict.fromkeys(os.environ, None) | environment(**env)
    try:
        result = CliRunner(env=only).invoke(main, arguments)
    finally:
        gc.unfreeze()  # the command freezes what it loaded, and here that is everybody's
    assert result.exception is None or isinstance(result.exception, SystemExit), "what would be a traceback"
    return result
