"""The generated reference: a page for each operation and each public class."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from itertools import groupby

from docrender import calls as table_of_calls

from . import class_pages, observations, operation_pages
from .catalog import Entry, entries, introduction
from .markup import joined, table
from .page import Page

CALLS = "calls.md"

_REGION = re.compile(r"(<!-- rendered: calls -->\n).*?(<!-- end -->)", re.DOTALL)


def pages() -> Iterator[Page]:
    """All pages, in the order of the navigation. Takes some seconds: every sample is sent to a sandbox."""
    classes = class_pages.Classes.read()
    examples = observations.observe()
    for _, of_api in groupby(entries(), lambda entry: entry.api.key):
        resources = [list(group) for _, group in groupby(of_api, lambda entry: entry.resource.name)]
        yield _api_page(resources)
        for resource in resources:
            yield _resource_page(resource, classes)
            for entry in resource:
                yield operation_pages.page(entry, examples[entry.call], classes.link)
    yield from classes.pages()


def linked_calls() -> str:
    """The table of calls, with links to the pages of the calls instead of the vendors' pages."""
    paths = {entry.call: entry.path for entry in entries()}
    return table_of_calls.calls(
        lambda resource, name: posixpath.relpath(paths[f"{resource}.{name}"], posixpath.dirname(CALLS) or ".")
    )


def rendered(text: str) -> str:
    """Replace the table of calls in a page beside `calls.md` by that with links to the reference."""
    return _REGION.sub(lambda match: f"{match[1]}\n{linked_calls()}\n\n{match[2]}", text)


def _api_page(resources: list[list[Entry]]) -> Page:
    api = resources[0][0].api
    rows = (
        (f"[`{calls[0].resource.name}`]({calls[0].folder.partition('/')[2]}/index.md)", calls[0].resource.what,
         str(len(calls)))
        for calls in resources
    )  # fmt: skip
    clients = " and ".join(f"[`{client}`](../classes/{client}.md)" for client in api.clients)
    what = f"Every call of {clients}. Each has a page with samples, arguments and errors."
    text = joined([f"# {api.title}", what, table(("resource", "what it is", "calls"), rows)])
    return Page(
        f"reference/{api.key}/index.md", "Overview", ("Reference", api.title), text, f"The calls of {api.title}."
    )


def _resource_page(calls: list[Entry], classes: class_pages.Classes) -> Page:
    first = calls[0]
    rows = ((f"[`{entry.name}()`]({entry.name}.md)", introduction(entry.describe)[0]) for entry in calls)
    blocks = [f"# {first.resource.name}", first.resource.what, table(("call", "what it does"), rows)]
    others = list(classes.methods_of(first))
    blocks += ["## Other methods", "The client has these besides the operations of the API.", *others] if others else []
    section = ("Reference", first.api.title, first.resource.name)
    return Page(f"reference/{first.folder}/index.md", "Overview", section, joined(blocks), first.resource.what)
