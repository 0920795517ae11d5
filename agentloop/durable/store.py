"""The store of runs: a SQLite file, for one process, or a PostgreSQL database, for many."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from agentloop.durable.errors import StoreError, StoreFailed
from agentloop.durable.sdk_compat import add_unixepoch
from agentloop.own_files import create_own, locked, state_folder
from agentloop.redaction import without_passwords

LOCK_PATIENCE = 3.0
"""Seconds in which an earlier process, such as a server that is being restarted, has to release the store."""
BUSY = 30_000
"""Milliseconds for which a thread waits for another thread's transaction."""


@dataclass(frozen=True, slots=True)
class Store:
    """`path` is the SQLite file, or None for PostgreSQL at `url`."""

    _url: sa.URL
    path: Path | None = None

    @classmethod
    def named(cls, name: str) -> Store:
        """`sqlite:PATH`, `sqlite:` for a file in the user's state directory, or a `postgresql://` URL.

        Raises:
            StoreError: the name is invalid.
        """
        if name.startswith(("postgresql://", "postgres://")):
            try:
                return cls(sa.make_url("postgresql://" + name.partition("://")[2]))
            except (sa.exc.ArgumentError, ValueError):
                raise StoreError(f"{without_passwords(name)!r} is not the URL of a PostgreSQL database.") from None
        scheme, colon, place = name.partition(":")
        if scheme != "sqlite" or not colon:
            shown = without_passwords(name)
            raise StoreError(f"A store is sqlite:PATH or postgresql://USER@HOST/DATABASE, not {shown!r}.")
        if place == ":memory:":
            raise StoreError("A store in memory would lose all runs. Use sqlite:PATH, or omit --durable.")
        path = Path(place).expanduser().absolute() if place else state_folder("mcp-calc-server") / "runs.sqlite"
        # Not from a string, in which `?` and `%` are special: the runs and the lock would be in different files.
        return cls(sa.URL.create("sqlite", database=str(path)), path)

    @property
    def url(self) -> str:
        """The URL as a string, including the password."""
        return self._url.render_as_string(hide_password=False)

    @property
    def is_shared(self) -> bool:
        """Whether more than one process may use it at once."""
        return self.path is None

    def __str__(self) -> str:
        return str(self.path) if self.path else self._url.render_as_string(hide_password=True)

    @contextmanager
    def held(self) -> Iterator[sa.Engine | None]:
        """Lock the SQLite file for this process, and return an engine for it; None for PostgreSQL, which is shared.

        Several processes with one SQLite file would exceed all limits and resume each other's runs.

        Raises:
            StoreError: another process uses it, or it cannot be used.
        """
        if self.path is None:
            yield None
            return
        beside = self.path.with_name(self.path.name + ".lock")
        with ExitStack() as stack:
            with _refused(self.path):
                stack.enter_context(locked(beside, LOCK_PATIENCE))
                create_own(self.path)  # it has prompts and answers; SQLite's other files follow it
                _check(self.path)
            engine = _sqlite(self._url)
            try:
                yield engine
            finally:
                engine.dispose()


@contextmanager
def _refused(path: Path) -> Iterator[None]:
    """Raise `StoreError` for errors of the files in the block."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        if isinstance(error, sqlite3.Error) and error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
            raise StoreError(
                f"The store {path} is in use by another process, and SQLite serves one at a time. Stop that one, name "
                "another file, or use PostgreSQL."
            ) from None
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise StoreError(f"The store {path} cannot be used: {reason}.") from None


def _check(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        (problem,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if problem != "ok":
        raise StoreError(
            f"The store {path} is damaged: {' '.join(str(problem).split())}. "
            "Move it away to begin a new one, or restore a copy."
        )


def _sqlite(url: sa.URL) -> sa.Engine:
    engine = sa.create_engine(url)

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        add_unixepoch(connection)
        connection.isolation_level = "IMMEDIATE"
        # Every step is on disk before it is acknowledged, even if the power fails.
        for setting in ("journal_mode=WAL", "synchronous=FULL", f"busy_timeout={BUSY}", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {setting}")

    return engine


def failure_of(error: BaseException | None) -> str | None:
    """The message of the database's error, if `error` is one or was caused by one."""
    seen = error
    while seen is not None:
        if isinstance(seen, sa.exc.SQLAlchemyError):
            return without_passwords(str(seen.orig if isinstance(seen, sa.exc.DBAPIError) else seen))
        seen = seen.__cause__
    return None


@contextmanager
def store_errors() -> Iterator[None]:
    """Raise `StoreFailed` for errors of the database in the block."""
    try:
        yield
    except Exception as error:
        reason = failure_of(error)
        if reason is None:
            raise
        raise StoreFailed(f"The store of runs failed: {reason}.") from error
