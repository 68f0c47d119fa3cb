"""Options of commands, made from the generated operations: nothing here knows what an operation takes."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import tzinfo
from typing import Annotated, Any, NamedTuple, get_type_hints

import typer
from typer.core import TyperCommand

from invigilate.errors import InvalidArgumentError
from smarterproctoring_client.calls import Field

from .checks import check_order
from .exits import usage
from .fields import (
    Describe,
    as_usage,
    choices,
    help_texts,
    is_repeated,
    operation_of,
    option_name,
    plain_name,
    value_of,
)
from .guard import described, guarded
from .output import note
from .secrets import secret_values, variable
from .times import zone

Timezone = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="IANA time zone of dates, and of times without an offset: Europe/Berlin. Tables show times in it.",
    ),
]
ShownTimezone = Annotated[
    str | None, typer.Option(metavar="NAME", help="IANA time zone in which times are shown: Europe/Berlin.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else, for programs.")]
_EASY_TIME = "An ISO date or date-time."


class Given(NamedTuple):
    """The arguments of an operation that were given as options.

    Attributes:
        describe: the generated function of the operation.
        arguments: the values, by Python name.
        place: the time zone that was named.
    """

    describe: Describe
    arguments: dict[str, Any]
    place: tzinfo | None


def bind(
    app: typer.Typer,
    name: str,
    describe: Describe,
    *,
    help: str,
    examples: Sequence[str],
    leave_out: Sequence[str] = (),
    several_installs: bool = False,
    shows_times: bool = False,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a command of a function, with an option for each argument of a generated operation.

    The function takes a `Given` first, and its own options after it.

    Args:
        app: what the command is added to.
        name: of the command.
        describe: the generated function of the operation.
        help: what it does.
        examples: command lines that its help shows; they are tested.
        leave_out: arguments that the function's own options stand for.
        several_installs: let `--install` be given several times.
        shows_times: let `--timezone` be given for times in the answer, if no argument is a time.
    """
    operation = operation_of(describe)
    fields = [field for field in operation.fields if field.name not in leave_out]
    options = [_option(field, describe, several=several_installs) for field in fields if not field.sensitive]
    hidden = [field for field in fields if field.sensitive]
    if hidden:
        options.append(_secret_option(hidden))
    if any(field.kind == "timestamp" for field in fields):
        options.append(inspect.Parameter("timezone", _KEYWORD, default=None, annotation=Timezone))
    elif shows_times:
        options.append(inspect.Parameter("timezone", _KEYWORD, default=None, annotation=ShownTimezone))

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        hints = get_type_hints(function, include_extras=True)
        own = [
            parameter.replace(annotation=hints[parameter.name], kind=_KEYWORD)
            for parameter in list(inspect.signature(function).parameters.values())[1:]
        ]

        def command(**values: Any) -> None:
            texts = {field.name: values.pop(field.name) for field in fields if not field.sensitive}
            secrets: list[str] = values.pop("secret", None) or []
            place = zone(values.pop("timezone", None))
            given = _given(describe, fields, texts, place)
            given.arguments.update(secret_values(hidden, secrets))
            function(given, **values)

        described(command, [*options, *own])
        command.__name__ = function.__name__
        add(app, name, command, help=help, examples=examples)
        return function

    return decorate


_KEYWORD = inspect.Parameter.KEYWORD_ONLY


def add(
    app: typer.Typer,
    name: str,
    function: Callable[..., None],
    *,
    help: str,
    examples: Sequence[str],
    settings: Mapping[str, Any] | None = None,
) -> None:
    """Add a command, with examples in its help and errors in one line.

    Args:
        app: what it is added to.
        name: of the command.
        function: what it does; its parameters are its options.
        help: what it does, in words.
        examples: command lines.
        settings: of the command's context.
    """
    shown = "\n\n".join(["Example:" if len(examples) == 1 else "Examples:", *map(_literal, examples)])
    context = dict(settings or {})
    app.command(name, cls=_Command, help=_literal(help), epilog=shown, context_settings=context)(guarded(function))


class _Command(TyperCommand):
    """A command that loses no value that was given, and whose help shows the names of options whole."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        # The library below takes the last one of several values, and forgets the others.
        _, _, order = self.make_parser(ctx).parse_args(args=list(args))
        counts: Counter[Any] = Counter(order)
        for parameter, times in counts.items():
            single = parameter.param_type_name == "option" and not (parameter.multiple or parameter.is_flag)
            if times > 1 and single and not ctx.resilient_parsing:
                raise usage(f"{parameter.opts[0]}: given twice; it takes one value")
        return super().parse_args(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        # Late, since they take time, and not everybody asks for help.
        from rich.table import Table
        from typer import rich_utils

        class Whole(Table):
            def add_row(self, *cells: Any, **settings: Any) -> None:
                super().add_row(*cells, **settings)
                # All but kinds of values and help texts, which can be broken. A name that is cut off cannot be typed.
                for column in self.columns[:-2]:
                    column.no_wrap = True

        module: Any = rich_utils
        module.Table = Whole
        try:
            super().format_help(ctx, formatter)
        finally:
            module.Table = Table


def _literal(text: str) -> str:
    """Keep a text from being read as markup."""
    return text.replace("[", "\\[")


def _option(field: Field, describe: Describe, *, several: bool) -> inspect.Parameter:
    text = help_texts(describe).get(field.name, "")
    if field.client_default == "install_sid":
        text = "The install to work in (AI...). By default SMARTERPROCTORING_INSTALL_SID."
    elif field.client_default is not None:
        text += " By default the setting of the environment."
    if field.kind == "timestamp":
        text = f"{text.replace(', in UTC', '')} {_EASY_TIME}"
    if field.nullable:
        text += " null clears it."
    repeated = is_repeated(field) or (several and field.client_default == "install_sid")
    if repeated:
        text += " Can be repeated."
    values = choices(field)
    if values:
        # In the help and not as a placeholder: long ones leave no room for the names of options.
        text += f" One of {', '.join(values)}."

    def complete(incomplete: str) -> list[str]:
        return [value for value in values if value.startswith(incomplete)]

    option = typer.Option(
        option_name(field.name),
        metavar=_METAVARS.get(field.kind, "SID" if field.sid else "TEXT"),
        help=_literal(text.strip()),
        show_default=False,
        autocompletion=complete if values else None,
        rich_help_panel="What it is about" if field.place == "path" else "Arguments",
    )
    annotation: Any = Annotated[list[str] | None, option] if repeated else Annotated[str | None, option]
    return inspect.Parameter(field.name, _KEYWORD, default=None, annotation=annotation)


_METAVARS = {
    "boolean": "true|false",
    "timestamp": "TIME",
    "integer": "N",
    "number": "NUMBER",
    "object": "JSON",
    "any": "JSON",
}


def _secret_option(fields: Sequence[Field]) -> inspect.Parameter:
    names = ", ".join(plain_name(field.name) for field in fields)
    text = (
        f"Send this argument too; its value comes from the environment ({variable(fields[0].name)} and so on) or is "
        f"asked for, and never stands on a command line. One of {names}. Can be repeated."
    )
    option = typer.Option("--secret", metavar="NAME", help=text, show_default=False, rich_help_panel="Arguments")
    return inspect.Parameter("secret", _KEYWORD, default=None, annotation=Annotated[list[str] | None, option])


def _given(describe: Describe, fields: Sequence[Field], texts: Mapping[str, Any], place: tzinfo | None) -> Given:
    arguments: dict[str, Any] = {}
    for field in fields:
        given = texts.get(field.name)
        if given is None or given == []:
            continue
        try:
            arguments[field.name] = _value(field, given, place)
        except InvalidArgumentError as error:
            raise as_usage(error) from None
        if field.kind == "timestamp" and arguments[field.name] is not None:
            note(f"{option_name(field.name)} {arguments[field.name]}")
    try:
        check_order(describe, arguments, option_name)
    except InvalidArgumentError as error:
        raise as_usage(error) from None
    return Given(describe, arguments, place)


def _value(field: Field, given: Any, place: tzinfo | None) -> Any:
    if isinstance(given, str):
        return value_of(field, given, place)
    texts: list[str] = list(given)
    if field.kind == "comma" and len(texts) == 1:
        return value_of(field, texts[0], place)
    if field.client_default is not None or field.kind == "array":
        return texts
    # One goes out as one value, as the sample of the page shows it.
    return texts[0] if len(texts) == 1 else texts
