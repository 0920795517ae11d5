"""Files that are written anew only if they are ours: nothing of somebody else's is overwritten."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

OWNER_ONLY = 0o600
"""Prompts and answers are in these files as they are."""


def open_own(path: Path, mark: str, *, force: bool = False, empty: bool = True) -> int:
    """Open a file for writing, made readable by its owner alone if it is new; the file descriptor.

    A file that is there already has to begin with `mark` or be empty, unless `force` is true; what is no regular file
    (a pipe, `/dev/null`) is not looked into. With `empty` false its content is left as it is.

    Raises:
        FileExistsError: it is somebody else's.
        OSError: it cannot be opened.
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
    """An `opener` for `open` that makes a file readable by its owner alone."""
    return os.open(path, flags, OWNER_ONLY)
