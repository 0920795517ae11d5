"""Common parts of the commands: grouped help, one-sentence errors, exit statuses, closed streams."""

from __future__ import annotations

import errno
import io
import json
import math
import os
import sys
import textwrap
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO, TextIO, TypeAlias, cast
from urllib.parse import urlsplit

import click

from agentloop.errors import ConfigurationError
from agentloop.prices import PRICES_VARIABLE, register_file
from agentloop.prompt_cache import CACHE_VARIABLE
from agentloop.usage import decimal_of
from agentloop.wire import PROVIDERS

EXIT_FAILED = 1
EXIT_INTERRUPTED = 130
MAX_USD = 1_000_000_000
"""Larger amounts are rejected as typing errors."""
NO_HOME = "/nonexistent"
FEW_COLUMNS = 80
"""The width of a terminal that does not report its own."""
FILE = click.Path(path_type=Path, dir_okay=False)

_LONGEST = 200
_STREAM_ERRORS = {errno.EBADF, errno.EIO, errno.ENOSPC, errno.EPIPE}


Decorator: TypeAlias = Callable[[Callable[..., Any]], Callable[..., Any]]


def option(group: str, *names: str, **attributes: Any) -> Decorator:
    """`click.option`, listed in the help under `group`."""
    return click.option(*names, cls=_GroupedOption, group=group, **attributes)


def option_field(group: str, *flags: str, **attributes: Any) -> Any:
    """A field of a dataclass of options, which declares `click.option` too. It has the option's default.

    The option is called as the field unless there are `flags`, and listed in the help under `group`.
    """
    empty = () if attributes.get("multiple") else (False if attributes.get("is_flag") else None)

    def declare(name: str) -> Decorator:
        return option(group, name, *(flags or (flag(name),)), **attributes)

    return field(default=attributes.get("default", empty), metadata={"declare": declare})


def options_of(declared: Any, *names: str) -> Decorator:
    """The options that a dataclass declares; all, or those of these fields."""

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        for each in reversed(fields(declared)):
            if each.name in names or not names:
                function = each.metadata["declare"](each.name)(function)
        return function

    return add


def flag(name: str) -> str:
    """`--queue-runs` for `queue_runs`."""
    return "--" + name.replace("_", "-")


class _GroupedOption(click.Option):
    def __init__(self, *arguments: Any, group: str, **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self.group = group


class CommandLine(click.Command):
    """A command with its options in groups in the help, and with errors as one sentence on stderr, exit status 2.

    A `ConfigurationError` is such an error. The exit status is otherwise what the command's function returns, 130 after
    Ctrl-C, and 1 if stdout cannot be written.
    """

    def __init__(self, *args: Any, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        own = {"help_option_names": ["-h", "--help"], "show_default": True}
        self.context_settings = {**own, **self.context_settings}

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ConfigurationError as error:
            raise click.UsageError(str(error), ctx) from None
        except KeyboardInterrupt:  # click would begin with an empty line
            raise click.Abort from None

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):
                groups.setdefault(getattr(parameter, "group", "Other"), []).append(record)
        for name, records in groups.items():
            with formatter.section(name):
                formatter.write_dl(records)
        if isinstance(self, click.Group):
            commands = self.commands.items()
            with formatter.section("Commands"):
                formatter.write_dl([(name, command.get_short_help_str(_LONGEST)) for name, command in commands])

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,  # noqa: FBT001, FBT002 - click's own signature
        **extra: Any,
    ) -> Any:
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, standalone_mode, **extra)
        open_standard_streams()
        _have_home()
        try:
            sys.exit(super().main(args, prog_name, complete_var, standalone_mode=False, **extra) or 0)
        except click.ClickException as error:
            say(_one_sentence(error, self.name))
            sys.exit(error.exit_code)
        except (click.Abort, KeyboardInterrupt):
            say("interrupted")
            sys.exit(EXIT_INTERRUPTED)
        except OSError as error:
            if is_without_folder(error):
                say("The current folder does not exist any more. Go to another one.")
                sys.exit(EXIT_FAILED)
            if error.errno not in _STREAM_ERRORS or error.filename is not None:
                raise
            say(f"Cannot write to stdout: {error.strerror}.")
            _forget(sys.stdout)
            sys.exit(EXIT_FAILED)


def is_without_folder(error: OSError) -> bool:
    """Whether it comes of a current folder that was deleted: any other missing file has a name."""
    return error.errno == errno.ENOENT and error.filename is None


class CommandGroup(CommandLine, click.Group):
    """A command with other commands of this kind."""

    command_class = CommandLine


def _one_sentence(error: click.ClickException, name: str | None) -> str:
    context = error.ctx if isinstance(error, click.UsageError) else None
    path = context.command_path if context else name
    return f"{path}: {' '.join(error.format_message().split())}"


class Usd(click.ParamType[Decimal]):
    """An amount of US dollars: finite, not negative, at most `MAX_USD`."""

    name = "USD"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        amount = decimal_of(value)
        if amount is None or not 0 <= amount <= MAX_USD:
            self.fail(f"{value!r} is not an amount of money from 0 to {MAX_USD:,} US dollars.", param, ctx)
        return amount


class Url(click.ParamType[str]):
    """An http:// or https:// address with a host."""

    name = "URL"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            parts = urlsplit(value)
            is_url = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_url = False
        if not is_url:  # the value may hold a password
            self.fail("it is not an http:// or https:// address with a host.", param, ctx)
        return str(value)


class Seconds(click.ParamType[float]):
    """A finite number of seconds of at least `least`, and above 0."""

    name = "SECONDS"

    def __init__(self, least: float = 0.0) -> None:
        self._least = least

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            seconds = float(value)
        except ValueError:
            seconds = math.nan
        if not math.isfinite(seconds) or seconds < self._least or seconds <= 0:
            bound = f"of at least {self._least:g} seconds" if self._least else "of seconds above 0"
            self.fail(f"{value!r} is not a number {bound}.", param, ctx)
        return seconds


def log_file() -> Any:
    """The option `--log-file`; see `agentloop.logs`."""
    file = click.Path(path_type=Path, dir_okay=False, allow_dash=True)
    return option_field("Log", type=file, help="Append the log to this file as JSON lines; - is stderr.")


def log_level() -> Any:
    """The option `--log-level`."""
    levels = click.Choice(["debug", "info", "warning", "error"])
    return option_field("Log", type=levels, help="The lowest level to log.  [default: info in a file]")


def provider(**attributes: Any) -> Any:
    """The option `--provider`."""
    return option_field(
        "Models",
        type=click.Choice(PROVIDERS),
        default="anthropic",
        help="Who serves Claude. Bedrock and Vertex need the extra of that name. Name models by the provider's ids.",
        **attributes,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOptions:
    """The options about models and their cost that both commands have."""

    base_url: str | None = option_field(
        "Models", type=Url(), metavar="URL", help="The server of the model, for example a local one without a key."
    )
    prices: Path | None = option_field(
        "Models", type=FILE, envvar=PRICES_VARIABLE, help="A TOML file with prices of models."
    )
    no_cache: bool = option_field("Models", is_flag=True, help="Do not use the API's prompt cache.")

    def apply_costs(self) -> None:
        """Use the prices, and the cache or not, in this process and in those that it starts."""
        if self.no_cache:
            os.environ[CACHE_VARIABLE] = "off"
        if self.prices:
            register_file(self.prices)
            os.environ[PRICES_VARIABLE] = str(self.prices.absolute())


def say(text: str) -> None:
    """Write a line to stderr, wrapped at words on a terminal. A stderr that cannot be written is ignored."""
    try:
        click.echo(for_terminal(text, sys.stderr), err=True)
    except (OSError, ValueError):
        _forget(sys.stderr)


def print_result(text: str, *, wrap: bool = True, indent: int = 0) -> None:
    """Write to stdout, on a terminal wrapped at words if `wrap`; see `wrapped` for `indent`.

    Raises:
        OSError: stdout is closed or cannot be written.
    """
    click.echo(for_terminal(text, sys.stdout, indent) if wrap else text)


def json_for_stdout(value: Any) -> str:
    """Indented JSON, with escapes for all but ASCII if the encoding of stdout has not every character."""
    has_all = (sys.stdout.encoding or "utf-8").lower().startswith("utf")
    return json.dumps(value, ensure_ascii=not has_all, indent=2)


def for_terminal(text: str, stream: TextIO, indent: int = 0) -> str:
    """The text, wrapped at words if the stream is a terminal."""
    return wrapped(text, _columns(stream), indent) if stream.isatty() else text


def _columns(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or FEW_COLUMNS
    except (OSError, ValueError):
        return FEW_COLUMNS


def wrapped(text: str, columns: int, indent: int = 0) -> str:
    """The text with lines that are wider than `columns` broken between words.

    Continuation lines are indented like the line itself, and at least by `indent`.
    """
    return "\n".join(_wrapped_line(line, columns, indent) for line in text.split("\n"))


def _wrapped_line(line: str, columns: int, indent: int) -> str:
    if len(line) <= columns:
        return line
    margin = " " * min(max(indent, len(line) - len(line.lstrip())), columns // 2)
    return textwrap.fill(line, columns, subsequent_indent=margin, break_long_words=False, break_on_hyphens=False)


def open_standard_streams() -> None:
    """Reopen those of stdin, stdout and stderr that the caller closed, so that no other file gets their descriptors.

    A reopened stdin is empty, a reopened stderr discards its output, and writing to a reopened stdout fails. What the
    encoding of stdout does not have is written as a code, as it is on stderr: an answer that was paid for is not lost.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    sys.stdin = sys.stdin or open(os.devnull, encoding="utf-8")  # noqa: PTH123, SIM115 - open as long as the process
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    sys.stdout = sys.stdout or cast("TextIO", _Closed())
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


class _Closed(io.TextIOBase):
    """A closed stdout."""

    def write(self, _text: str, /) -> int:
        raise OSError(errno.EBADF, "it is closed")

    @property
    def buffer(self) -> BinaryIO:
        raise OSError(errno.EBADF, "it is closed")


def _have_home() -> None:
    """Set a `HOME` that does not exist if the user has none, because libraries look for files there."""
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = NO_HOME


def _forget(stream: TextIO) -> None:
    """Discard what the stream has buffered: Python would try to write it again at exit, and fail."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
