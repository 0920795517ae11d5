"""Notes to the agent that answers a question of the chat: what the user types meanwhile."""

from __future__ import annotations

import asyncio
import signal

from agentloop import ConfigurationError, Inbox
from orchestrator_client.line_editor import editor_on_stderr
from orchestrator_client.progress import Progress


class Notes:
    """Reads notes at the terminal. `draft` is what was typed when the question ended, or what nobody has read."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self.draft = ""

    async def pass_on(self, inbox: Inbox) -> None:
        """Pass on each line that is typed, until this is cancelled. The first key opens a line that can be edited."""
        while True:
            typed = await self._progress.typed()
            note = typed if typed.endswith("\n") else await self._edited(typed)
            if not note.strip():
                continue
            try:
                inbox.send(note.strip())
            except ConfigurationError as error:
                self._progress.say(str(error))
            else:
                self._progress.say("noted; the agent reads it before its next turn")

    def keep_unread(self, inbox: Inbox) -> None:
        """Offer the notes for which there was no turn as the next question."""
        self.draft = " ".join([*inbox.take(), self.draft]).strip()

    async def _edited(self, typed: str) -> str:
        async with self._progress.paused():
            with editor_on_stderr() as editor:
                try:
                    return await editor.prompt_async("note> ", default=typed, handle_sigint=False)
                except asyncio.CancelledError:
                    self.draft = editor.default_buffer.text
                    raise
                except EOFError:
                    return ""
                except KeyboardInterrupt:  # the terminal is in raw mode, so it was a key and no signal
                    self.draft = editor.default_buffer.text
                    signal.raise_signal(signal.SIGINT)
                    return ""
