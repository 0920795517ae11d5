"""A real terminal for our own commands: a pseudo-terminal, and a screen (pyte) that shows what a user would see."""

import asyncio
import codecs
import fcntl
import os
import signal
import struct
import termios
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pyte
import pytest

from tests.processes import environment


class _Screen(pyte.HistoryScreen):
    """Answers, as terminals do, when it is asked where the cursor is."""

    def __init__(self, columns: int, lines: int, answer: Callable[[str], None]) -> None:
        super().__init__(columns, lines, history=1000)
        self._answer = answer

    def write_process_input(self, data: str) -> None:
        self._answer(data)


class Terminal:
    """A command on a terminal of its own. `raw` is everything it wrote."""

    def __init__(self, columns: int, lines: int) -> None:
        self._master, self._slave = os.openpty()
        self._screen = _Screen(columns, lines, self.type)
        self._stream = pyte.Stream(self._screen)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._changed = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None
        self.raw = ""
        self.resize(columns, lines)

    @property
    def lines(self) -> list[str]:
        """What is on the screen, without trailing blanks and empty lines."""
        return [line.rstrip() for line in self._screen.display if line.strip()]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    @property
    def scrolled_away(self) -> int:
        """Lines that have left the screen at the top."""
        return len(self._screen.history.top)

    @property
    def shows_cursor(self) -> bool:
        return not self._screen.cursor.hidden

    @property
    def brackets_paste(self) -> bool:
        return 2004 << 5 in self._screen.mode  # as pyte keeps private modes

    @property
    def echoes(self) -> bool:
        """Whether what is typed is shown by the terminal itself."""
        return bool(termios.tcgetattr(self._master)[3] & termios.ECHO)

    def resize(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self._screen.resize(lines, columns)

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    async def until(self, condition: Callable[[], object], *, seconds: float = 60) -> None:
        """Wait for the screen to be so.

        Raises:
            AssertionError: it was not in time; says what it was.
        """
        give_up = time.monotonic() + seconds
        while not condition():
            self._changed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(min(0.5, max(0.0, give_up - time.monotonic()))):
                    await self._changed.wait()
            assert time.monotonic() < give_up, f"The screen after {seconds:g} s:\n{self.text}"

    async def until_shown(self, *texts: str, seconds: float = 60) -> None:
        """Wait until each of the texts is on the screen."""
        await self.until(lambda: all(text in self.text for text in texts), seconds=seconds)

    async def ended(self, seconds: float = 60) -> int:
        """Wait for the command to end; its exit status.

        Raises:
            AssertionError: it did not end in time; says what the screen was.
        """
        assert self._process is not None
        try:
            async with asyncio.timeout(seconds):
                status = await self._process.wait()
        except TimeoutError:
            pytest.fail(f"The command has not ended after {seconds:g} s. The screen:\n{self.text}")
        self._read()
        return status

    def send_signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _become_terminal(self) -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell ignores it for what it runs in the background
        os.setsid()
        fcntl.ioctl(self._slave, termios.TIOCSCTTY, 0)

    async def start(self, command: Sequence[str | Path], env: Mapping[str, str]) -> None:
        os.set_blocking(self._master, False)
        asyncio.get_running_loop().add_reader(self._master, self._read)
        self._process = await asyncio.create_subprocess_exec(
            *command,
            env={"TERM": "xterm-256color", **env},
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            preexec_fn=self._become_terminal,
        )

    async def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._master)
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()
            await asyncio.wait_for(self._process.wait(), 30)
        os.close(self._master)
        os.close(self._slave)

    def _read(self) -> None:
        with suppress(BlockingIOError, OSError):
            while chunk := os.read(self._master, 65536):
                text = self._decoder.decode(chunk)
                self.raw += text
                self._stream.feed(text)
        self._changed.set()


@asynccontextmanager
async def on_terminal(
    *command: str | Path, env: Mapping[str, str] | None = None, columns: int = 100, lines: int = 24
) -> AsyncIterator[Terminal]:
    """Run the command on a terminal; killed and reaped at the end of the block."""
    terminal = Terminal(columns, lines)
    try:
        await terminal.start(command, environment() if env is None else env)
        yield terminal
    finally:
        await terminal.close()
