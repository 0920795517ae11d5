"""Flame graphs of a run, and where its time goes: `python -m benchmarks.flame`.

py-spy samples the stacks of a run of B, and of the server it starts.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from benchmarks.environments import python
from benchmarks.folding import Stacks, picture, read, where
from benchmarks.running import ROOT, RUNNERS, FakeMessages, run
from benchmarks.scenarios import SCENARIOS

VIEWS = {"async": "in process", "stdio": "over MCP on stdio"}
"""Variants of ours, and what they are called."""
FEWEST = 0.01
"""What takes a smaller part of the time than that is summed up."""


@click.command()
@click.option("--size", default=400, show_default=True, help="Sub-agents.")
@click.option("--rate", default=500, show_default=True, help="Samples a second.")
@click.option(
    "--into", type=click.Path(path_type=Path), default=ROOT / "docs" / "pictures", help="Folder of the pictures."
)
@click.option("--watched-by", default="", help="Views that watch, as in V: live, timeline, events; commas between.")
def main(*, size: int, rate: int, into: Path, watched_by: str) -> None:
    """Write a flame graph of each view, and print a table."""
    columns: dict[str, Stacks] = {}
    with FakeMessages() as fake:
        for how, title in VIEWS.items():
            processes = sampled(fake, how, size, rate, watched_by)
            path = into / f"flame-{how}.svg"
            path.write_text(picture(f"{size} sub-agents {title}", _together(processes)), encoding="utf-8")
            click.echo(f"{path}: {path.stat().st_size / 1000:.0f} kB", err=True)
            total = sum(stacks.total() for stacks in processes.values())
            for who, stacks in processes.items():
                share = f": {who}, {100 * stacks.total() / total:.0f} % of the whole" if len(processes) > 1 else ""
                columns[title + share] = stacks
    click.echo("\n".join(table(columns)))


def sampled(
    fake: FakeMessages, how: str, size: int, rate: int, watched_by: str = ""
) -> dict[str, Counter[tuple[str, ...]]]:
    """The stacks of `client` and `server`, or of the only process.

    Raises:
        click.ClickException: the run was not what it should be.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "stacks"
        command = [str(python("profiler").parent / "py-spy"), "record", "--subprocesses", "--full-filenames"]
        command += ["--format", "raw", "--rate", str(rate), "--output", str(file)]
        more = {"BENCH_PROFILE": json.dumps(command)}
        if watched_by:
            more |= {"VIEWS": watched_by, "TERM": "xterm-256color"}
        result = run(fake, RUNNERS[f"ours, {how}"], SCENARIOS["B"], size, **more)
        if result.get("error") or result["right"] != size or not file.exists():
            raise click.ClickException(f"The run went wrong: {result}")
        found = read(file)
    return {"server" if "mcp_calc_server" in process else "client": stacks for process, stacks in found.items()}


def _together(processes: Mapping[str, Counter[tuple[str, ...]]]) -> Stacks:
    """Under a frame for each process, if there are several."""
    if len(processes) == 1:
        return next(iter(processes.values()))
    return {(who, *frames): count for who, stacks in processes.items() for frames, count in stacks.items()}


def table(columns: Mapping[str, Stacks]) -> Iterator[str]:
    """Per cent of each column's samples, by the place at the end of the stack."""
    found = {title: where(stacks) for title, stacks in columns.items()}
    places = dict.fromkeys(place for parts in found.values() for place, part in parts.items() if part >= FEWEST)
    most = sorted(places, key=lambda place: -max(parts.get(place, 0.0) for parts in found.values()))
    yield "| % of the samples | " + " | ".join(found) + " |"
    yield "|---" * (1 + len(found)) + "|"
    for place in most:
        yield f"| `{place}` | {' | '.join(f'{100 * parts.get(place, 0.0):.0f}' for parts in found.values())} |"
    rest = (100 * (1 - sum(parts.get(place, 0.0) for place in most)) for parts in found.values())
    yield f"| the rest | {' | '.join(f'{each:.0f}' for each in rest)} |"


if __name__ == "__main__":
    sys.exit(main())
