"""Commands whose options are made from generated operations; nothing here knows what an operation takes."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import tzinfo
from typing import Annotated, Any, NamedTuple, get_type_hints

import typer
from typer.core import TyperCommand, TyperGroup

from invigilate.errors import InvalidArgumentError
from invigilate_runtime import Field

from .checks import check_order
from .exits import usage
from .fields import (
    Describe,
    as_usage,
    choices,
    help_texts,
    is_repeated,
    is_sensitive,
    operation_of,
    option_name,
    plain_name,
    secret_values,
    use_secret,
    value_of,
    values_of,
    variable,
)
from .guard import described, guarded
from .masking import PACKAGE
from .output import note
from .registry import variable_of
from .times import zone

Timezone = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="IANA time zone of dates, and of times without an offset: Europe/Berlin. Tables show times in it.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else, for programs.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Print the request, and send nothing.", rich_help_panel="Sending")
]
Yes = Annotated[bool, typer.Option("--yes", help="Send without asking.", rich_help_panel="Sending")]
Columns = Annotated[
    str | None,
    typer.Option(
        metavar="NAME,...",
        help="Columns to print, by documented names; a dot leads into an object: status,course.code. A table keeps "
        "all of them.",
    ),
]
MaxRows = Annotated[int | None, typer.Option(min=1, metavar="N", help="Stop after so many rows.")]
_EASY_TIME = "An ISO date or date-time."
_KEYWORD = inspect.Parameter.KEYWORD_ONLY


def column_names(columns: str | None, *, as_json: bool) -> list[str]:
    """Return the columns that were passed."""
    names = [] if columns is None else [name.strip() for name in columns.split(",")]
    if names and as_json:
        raise usage("--columns: only for rows; --json has all fields")
    if "" in names:
        raise usage("--columns: expected names, separated by commas, got an empty name")
    return names


class Passed(NamedTuple):
    """The arguments of an operation that were passed as options.

    Attributes:
        describe: the generated function of the operation.
        arguments: the values, by Python name.
        place: the time zone that was passed.
    """

    describe: Describe
    arguments: dict[str, Any]
    place: tzinfo | None


def _plain_flags(parameters: list[Any]) -> list[Any]:
    """Let help show `--yes`, and not `--yes <bool>` as versions of typer from 0.29 on do."""
    for parameter in parameters:
        if getattr(parameter, "is_flag", False):
            parameter.metavar = ""
    return parameters


class Group(TyperGroup):
    """A group of commands."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the options, with flags as this program shows them."""
        return _plain_flags(super().get_params(ctx))


class _Command(TyperCommand):
    """A command that loses no value that was passed, and whose help shows the names of options whole."""

    def get_params(self, ctx: Any) -> list[Any]:
        return _plain_flags(super().get_params(ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        # The library below takes the last one of several values, and drops the others.
        try:
            _, _, order = self.make_parser(ctx).parse_args(args=list(args))
        except Exception as error:
            # The class of an unknown option is another one in some versions of the library; only it has this attribute.
            unknown = plain_name(str(getattr(error, "option_name", "")).removeprefix("--").replace("-", "_"))
            if unknown not in (ctx.obj or ()):
                raise
            option = f"--{unknown.replace('_', '-')}"
            raise usage(f"{option}: not an option, since it is sensitive. {use_secret(unknown)}") from None
        counts: Counter[Any] = Counter(order)
        for parameter, times in counts.items():
            single = parameter.param_type_name == "option" and not (parameter.multiple or parameter.is_flag)
            if times > 1 and single and not ctx.resilient_parsing:
                raise usage(f"{parameter.opts[0]}: passed twice; it takes one value")
        return super().parse_args(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        # Late: these imports take time, and only help needs them.
        from rich.table import Table
        from typer import rich_utils

        class Whole(Table):
            def add_row(self, *cells: Any, **settings: Any) -> None:
                super().add_row(*cells, **settings)
                # All but types and help texts, which can be broken. A name that is cut off cannot be typed.
                for column in self.columns[:-2]:
                    column.no_wrap = True

        module: Any = rich_utils
        module.Table = Whole
        try:
            super().format_help(ctx, formatter)
        finally:
            module.Table = Table


def new_group(app: typer.Typer, name: str, help: str) -> typer.Typer:
    """Add a group of commands."""
    group = typer.Typer(name=name, cls=Group, help=help, no_args_is_help=True)
    app.add_typer(group)
    return group


def bind(
    app: typer.Typer,
    name: str,
    describe: Describe,
    *,
    help: str,
    examples: Sequence[str] = (),
    leave_out: Sequence[str] = (),
    repeated: Sequence[str] = (),
    shows_times: bool = False,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Turn a function into a command, with an option for each argument of a generated operation.

    The function takes a `Passed` first, and its own options after it.

    Args:
        app: what the command is added to.
        name: the name of the command.
        describe: the generated function of the operation.
        help: what the command does.
        examples: command lines that its help shows; they are tested.
        leave_out: arguments that the function's own options stand for.
        repeated: arguments that may be passed several times although they take one value.
        shows_times: add `--timezone` for times of the response, even if no argument is a time.
    """
    operation = operation_of(describe)
    fields = [field for field in operation.fields if field.name not in leave_out]
    hidden = [field for field in fields if is_sensitive(field)]
    shown = [field for field in fields if field not in hidden]
    options = [_option(field, describe, repeated=field.name in repeated) for field in shown]
    if hidden:
        options.append(_secret_option(hidden))
    if shows_times or any(field.type == "timestamp" for field in fields):
        options.append(inspect.Parameter("timezone", _KEYWORD, default=None, annotation=Timezone))

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        hints = get_type_hints(function, include_extras=True)
        own = [
            parameter.replace(annotation=hints[parameter.name], kind=_KEYWORD)
            for parameter in list(inspect.signature(function).parameters.values())[1:]
        ]

        def command(**values: Any) -> None:
            texts = {field.name: values.pop(_parameter(field)) for field in shown}
            secrets: list[str] = values.pop("secret", None) or []
            place = zone(values.pop("timezone", None))
            passed = _passed(describe, shown, texts, place)
            passed.arguments.update(secret_values(hidden, secrets, place))
            reset = PACKAGE.set(describe.__module__.partition(".")[0])
            try:
                function(passed, **values)
            finally:
                PACKAGE.reset(reset)

        described(command, [*options, *own])
        command.__name__ = function.__name__
        names = [plain_name(field.name) for field in hidden]
        page = operation.documentation
        add(app, name, command, help=help, examples=examples, documentation=page, settings={"obj": names})
        return function

    return decorate


def _parameter(field: Field) -> str:
    """The name of an option's parameter: another than that of a command's own option, such as `json`."""
    return f"argument_{field.name}"


def add(
    app: typer.Typer,
    name: str,
    function: Callable[..., None],
    *,
    help: str,
    examples: Sequence[str],
    documentation: str | None = None,
    settings: Mapping[str, Any] | None = None,
) -> None:
    """Add a command, with examples in its help and errors in one line."""
    parts = ["Example:" if len(examples) == 1 else "Examples:", *map(_literal, examples)] if examples else []
    if documentation is not None:
        parts.append(f"Documentation: {documentation}")
    context = dict(settings or {})
    decorate = app.command(name, cls=_Command, help=_literal(help), epilog="\n\n".join(parts), context_settings=context)
    decorate(guarded(function))


def _literal(text: str) -> str:
    """Keep a string from being read as markup."""
    return text.replace("[", "\\[")


def _option(field: Field, describe: Describe, *, repeated: bool) -> inspect.Parameter:
    text = help_texts(describe).get(field.name, "")
    default = variable_of(describe, field.client_default) if field.client_default is not None else None
    if default is not None:
        text += f" Defaults to {default}."
    if field.type == "timestamp":
        text = f"{text.replace(', in UTC', '')} {_EASY_TIME}"
    if field.nullable:
        text += " null clears it."
    repeated = repeated or is_repeated(field)
    if repeated:
        text += " Repeatable."
    values = choices(field)
    if values:
        # In the help and not as a placeholder: long ones leave no room for the names of options.
        text += f" One of {', '.join(values)}."

    def complete(incomplete: str) -> list[str]:
        return [value for value in values if value.startswith(incomplete)]

    option = typer.Option(
        option_name(field.name),
        metavar=_metavar(field),
        help=_literal(text.strip()),
        show_default=False,
        autocompletion=complete if values else None,
        rich_help_panel="Path arguments" if field.location == "path" else "Arguments",
    )
    annotation: Any = Annotated[list[str] | None, option] if repeated else Annotated[str | None, option]
    return inspect.Parameter(_parameter(field), _KEYWORD, default=None, annotation=annotation)


_METAVARS = {
    "boolean": "true|false",
    "timestamp": "TIME",
    "integer": "N",
    "number": "NUMBER",
    "object": "JSON",
    "any": "JSON",
    "file": "FILE",
}


def _metavar(field: Field) -> str:
    if field.type == "array" and field.items is not None:
        return _metavar(field.items)
    return _METAVARS.get(field.type, "SID" if field.sid else "TEXT")


def _secret_option(fields: Sequence[Field]) -> inspect.Parameter:
    names = ", ".join(plain_name(field.name) for field in fields)
    text = (
        f"Send this argument, with the value of the environment variable {variable(fields[0].name)} (and so on), or "
        f"asked for without echo; never on the command line. One of {names}. Repeatable."
    )
    option = typer.Option("--secret", metavar="NAME", help=text, show_default=False, rich_help_panel="Arguments")
    return inspect.Parameter("secret", _KEYWORD, default=None, annotation=Annotated[list[str] | None, option])


def _passed(describe: Describe, fields: Sequence[Field], texts: Mapping[str, Any], place: tzinfo | None) -> Passed:
    arguments: dict[str, Any] = {}
    for field in fields:
        value = texts.get(field.name)
        if value is None or value == []:
            continue
        try:
            single = isinstance(value, str)
            arguments[field.name] = value_of(field, value, place) if single else values_of(field, value, place)
        except InvalidArgumentError as error:
            raise as_usage(error) from None
        if field.type == "timestamp" and arguments[field.name] is not None:
            note(f"{option_name(field.name)} {arguments[field.name]}")
    try:
        check_order(describe, arguments, option_name)
    except InvalidArgumentError as error:
        raise as_usage(error) from None
    return Passed(describe, arguments, place)
