"""Shows the tree of running agents on a terminal.

It is drawn a few times per second and takes at most half of the screen, together with the end of what the outermost
agent writes, which is below it. Other messages appear above it.
"""

from __future__ import annotations

import asyncio
import math
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from rich.cells import cell_len
from rich.console import Console
from rich.control import Control
from rich.live import Live
from rich.segment import ControlType

from agentloop.command_line import wrapped
from agentloop.dispatch import cancel_and_wait
from agentloop.events import Event
from agentloop.narration import clip
from agentloop.observers.live import rows
from agentloop.observers.timeline import Timeline
from orchestrator_client.lines import STDERR_LINE
from orchestrator_client.terminal import Keys, undone_on_signals, without_echo
from orchestrator_client.tree_picture import Picture, picture_of, starting_lines, text_lines

FRAMES_PER_SECOND = 5
MAX_LOG = 100
"""Lines of started servers that are shown for one question."""
FEWEST_ROWS = 4
"""Of the tree."""


class LiveView:
    """Shows the events that `on_event` receives as a tree on stderr, a terminal, within the block of `shown`.

    Typed characters are not echoed meanwhile. Cursor and echo are restored however the block ends.
    """

    shows_text = True

    def __init__(self) -> None:
        # Not bound to a stream: prompt_toolkit replaces `sys.stderr` while a line is typed.
        self.console = Console(stderr=True, highlight=False, markup=False, emoji=False)
        self._timeline = Timeline()
        self._drawn: Picture | None = None
        self._drawn_in = 0
        self._logged = 0
        self._live: Live | None = None
        self._keys = Keys()
        self._pausing = asyncio.Lock()

    def on_event(self, event: Event) -> None:
        self._timeline.on_event(event)

    def say(self, text: str) -> None:
        """Print a line above the tree."""
        with suppress(OSError):  # the terminal was closed
            self.console.print(wrapped(clip(text, STDERR_LINE), self.console.size.width), soft_wrap=True)

    @asynccontextmanager
    async def shown(self) -> AsyncIterator[None]:
        """Draw within the block. The last picture stays on the screen."""
        self._timeline, self._drawn, self._logged = Timeline(), None, 0
        with without_echo(), undone_on_signals(self._show_cursor):
            self._start()
            drawing = asyncio.create_task(self._draw(), name="live view")
            try:
                yield
            finally:
                await cancel_and_wait([drawing])
                self._forget_wrapped_rows()
                self._stop()

    def _start(self) -> None:
        """Draw below what is on the screen. A `Live` that starts again would erase what was printed meanwhile."""
        self._live = Live(console=self.console, auto_refresh=False, get_renderable=self.picture)
        self._live.start()

    def _stop(self) -> None:
        live, self._live = self._live, None
        if live is not None:
            live.stop()

    @asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """Leave the last picture on the screen and draw nothing within the block, so that a line can be typed.

        One block at a time: others wait.
        """
        async with self._pausing:
            if self._live is None:
                yield
                return
            self._stop()
            self._keys.pause()
            try:
                yield
            finally:
                self._keys.resume()
                self._start()

    async def typed(self) -> str | None:
        return await self._keys.typed()

    def log(self, line: str) -> None:
        """Show a line of a started server above the tree, at most `MAX_LOG` for each question."""
        self._logged += 1
        if self._logged <= MAX_LOG:
            self.say(line)
        elif self._logged == MAX_LOG + 1:
            self.say(f"(The servers wrote more than {MAX_LOG} lines; the rest is left out.)")

    async def _draw(self) -> None:
        while True:
            if self._live is not None and (self._timeline.roots or self._timeline.starting_servers()):
                self._forget_wrapped_rows()
                self._live.refresh()
            await asyncio.sleep(1 / FRAMES_PER_SECOND)

    def picture(self) -> Picture:
        """The current tree, in at most half of the screen."""
        now, size = time.monotonic(), self.console.size
        height = max(FEWEST_ROWS, size.height // 2)
        shown, unicode = self._timeline.starting_servers()[:height], self._has_unicode
        lines = starting_lines(shown, now, width=size.width, unicode=unicode)
        if self._timeline.roots:
            text = text_lines(self._timeline.roots[-1].text, height, width=size.width)
            most = max(FEWEST_ROWS, height - len(text))
            lines += picture_of(rows(self._timeline, most), now, width=size.width, unicode=unicode).lines
            lines += text[-max(1, height - len(lines)) :]
        picture = Picture(lines)
        self._drawn, self._drawn_in = picture, size.width
        return picture

    def _show_cursor(self) -> None:
        """Writes to the descriptor, because the console may be in the middle of writing."""
        os.write(self.console.file.fileno(), b"\x1b[?25h\r\n")

    @property
    def _has_unicode(self) -> bool:
        return self.console.encoding.startswith("utf")

    def _forget_wrapped_rows(self) -> None:
        """Erase the rows that a terminal adds by wrapping when it becomes narrower; `Live` does not do that."""
        width = self.console.size.width
        if self._drawn is None or width >= self._drawn_in:
            return
        as_it_was = self.console.options.update(width=self._drawn_in)
        lines = self.console.render_lines(self._drawn, as_it_was, pad=False)
        widths = [sum(cell_len(segment.text) for segment in line) for line in lines]
        wrapped = sum(max(1, math.ceil(each / width)) for each in widths) - len(widths)
        self._drawn_in = width
        up: list[ControlType | tuple[ControlType, int]] = [ControlType.CARRIAGE_RETURN]
        up += [(ControlType.ERASE_IN_LINE, 2), (ControlType.CURSOR_UP, 1)] * wrapped
        self.console.control(Control(*up))
