"""A click command whose command line begins either with a question or with the name of another command."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click
from click.shell_completion import CompletionItem

from agentloop.command_line import CommandLine, write_commands


class CommandWithOthers(CommandLine):
    """A command that hands command lines beginning with the name of another command to that command.

    A click group cannot have an argument of its own before a command's name. `defaults` returns values for options that
    the command line does not give.
    """

    def __init__(self, *args: Any, defaults: Callable[[], Mapping[str, Any]] = dict, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._defaults = defaults
        self.others: dict[str, click.Command] = {}

    def command(self, name: str, **attributes: Any) -> Callable[[Callable[..., Any]], click.Command]:
        """A decorator that turns a function into another command."""
        settings = {**self.context_settings, **attributes.pop("context_settings", {})}
        make: Any = click.command(name, cls=CommandLine, context_settings=settings, **attributes)

        def add(function: Callable[..., Any]) -> click.Command:
            self.others[name] = make(function)
            return self.others[name]

        return add

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        if args and args[0] in self.others:
            name, *rest = args
            return self.others[name].make_context(f"{info_name} {name}", rest, parent, **extra)
        return super().make_context(info_name, args, parent, **{"default_map": self._defaults(), **extra})

    def invoke(self, ctx: click.Context) -> Any:
        return super().invoke(ctx) if ctx.command is self else ctx.command.invoke(ctx)

    def names_of_others(self, ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The names of the other commands, for shell completion of the first word."""
        assert parameter.name is not None
        if ctx.params.get(parameter.name):
            return []
        names = [name for name in self.others if name.startswith(incomplete)]
        return [CompletionItem(name, help=self.others[name].get_short_help_str()) for name in names]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_options(ctx, formatter)
        if self.others:
            write_commands(formatter, "Other commands", self.others)
