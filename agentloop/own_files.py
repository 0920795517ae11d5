"""Files that the commands write: their default places, and opening them without overwriting other files."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

OWNER_ONLY = 0o600
"""Prompts and answers are stored in these files as plain text."""


def state_folder(program: str) -> Path:
    """The folder for the state of a program by the XDG base directory specification. It may not exist yet.

    Raises:
        RuntimeError: the user has no home directory.
    """
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / program


def open_own(path: Path, mark: str, *, force: bool = False, empty: bool = True) -> int:
    """Open a file for writing and return its descriptor. Only its owner can read a new file.

    An existing file must begin with `mark` or be empty, unless `force` is true. Something that is not a regular file
    (a pipe, `/dev/null`) is opened without a check. With `empty` false the existing content is left as it is.

    Raises:
        FileExistsError: the file exists and does not begin with `mark`.
        OSError: the file cannot be opened.
    """
    if path.exists() and not path.is_file():
        return os.open(path, os.O_WRONLY)
    file = os.open(path, os.O_RDWR | os.O_CREAT, OWNER_ONLY)
    try:
        if not force and stat.S_ISREG(os.fstat(file).st_mode):
            _check(file, mark.encode(), path)
        if empty:
            os.ftruncate(file, 0)
    except BaseException:
        os.close(file)
        raise
    return file


def _check(file: int, mark: bytes, path: Path) -> None:
    found = os.read(file, len(mark))
    os.lseek(file, 0, os.SEEK_SET)
    if found not in {b"", mark}:
        raise FileExistsError(errno.EEXIST, "The file exists and is not one of ours", str(path))


def new_own(path: str, flags: int) -> int:
    """An `opener` for `open` that creates files which only their owner can read."""
    return os.open(path, flags, OWNER_ONLY)


def create_own(path: Path) -> None:
    """Create the file with access for its owner only, or restrict an existing one."""
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, OWNER_ONLY))
    with suppress(PermissionError):  # it belongs to another user, who allows writing
        path.chmod(OWNER_ONLY)


@contextmanager
def locked(path: Path, timeout: float) -> Iterator[None]:
    """Hold a lock file, so that of several processes one at a time is in the block. The system releases it, too.

    Raises:
        OSError: the file cannot be created.
        sqlite3.Error: another process has held it for `timeout` seconds.
    """
    import sqlite3  # noqa: PLC0415 - most commands lock nothing

    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    create_own(path)
    with closing(sqlite3.connect(path, timeout=timeout, isolation_level=None)) as lock:
        lock.execute("BEGIN EXCLUSIVE")
        yield


def replace_own(path: Path, text: str, *, mode: int = OWNER_ONLY) -> None:
    """Write a file atomically. Only the owner has access to a new folder for it and, unless `mode` says so, to it.

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = path.with_name(f".{path.name}.{os.getpid()}")
    new.unlink(missing_ok=True)
    try:
        with open(new, "x", encoding="utf-8", opener=new_own) as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.chmod(mode)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
