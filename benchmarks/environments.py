"""The pinned environments the runners run in, each made once under a folder git ignores.

python -m benchmarks.environments [NAME ...]
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import venv
from pathlib import Path

FOLDER = Path(__file__).parent / ".environments"

WANTED: dict[str, tuple[str, ...]] = {
    "anthropic": ("anthropic[aiohttp]==2.12.0", "mcp==2.3.0", "uvloop==0.23.0"),
    "fastmcp": ("fastmcp==4.1.2", "mcp==2.3.0", "anthropic==2.12.0"),
    "pydantic_ai": ("pydantic-ai-slim[anthropic]==2.68.0", "anthropic==2.12.0"),
    "langchain": ("langchain==1.4.7", "langgraph==1.2.22", "langchain-anthropic==1.7.7", "anthropic==2.12.0"),
    "openai_agents": ("openai-agents[litellm]==0.24.0", "litellm==1.83.0"),
    "fast_agent": ("fast-agent-mcp==0.10.46",),
    "strands": ("strands-agents[anthropic]==1.62.0",),
    "adk": ("google-adk==2.13.0", "anthropic==2.12.0"),
    "agent_framework": ("agent-framework-core==1.23.0", "agent-framework-anthropic==1.0.0b261022"),
    "agno": ("agno==3.1.10", "anthropic==2.12.0"),
    "arithmetic": ("sympy==1.14.0",),
}


def python(name: str) -> Path:
    """The interpreter of an environment, which is made if it is not there; `ours` is the one that runs this."""
    if name == "ours":
        return Path(sys.executable)
    folder = FOLDER / name
    stamp = folder / "pins"
    pins = hashlib.sha256(repr((WANTED[name], sys.version)).encode()).hexdigest()
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != pins:
        print(f"making the environment {name}: {', '.join(WANTED[name])}", file=sys.stderr, flush=True)
        venv.create(folder, with_pip=True, clear=True)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *WANTED[name]], check=True, stdout=sys.stderr)
        stamp.write_text(pins, encoding="utf-8")
    return folder / "bin" / "python"


if __name__ == "__main__":
    for each in sys.argv[1:] or WANTED:
        python(each)
