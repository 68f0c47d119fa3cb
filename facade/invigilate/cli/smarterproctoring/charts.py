"""Charts of the counts, as .html, .svg or .png. They load nothing from the network."""

from __future__ import annotations

import html
import json
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from invigilate._files import replacing

from .tally import Tally, places, sums

Look = Literal["light", "dark"]
_WIDTH = 640
_FONT = "Liberation Sans, Arial, Helvetica, sans-serif"
_SCALE = 2.0


class Colors(NamedTuple):
    """Colors of a chart.

    Attributes:
        background: color of the background.
        text: color of titles and labels.
        faint: color of lines and subtitles.
        statuses: colors of the parts of a bar, in the order of the statuses.
    """

    background: str
    text: str
    faint: str
    statuses: tuple[str, ...]


# Distinct with every kind of color blindness, and at least 3:1 against the background; see the tests.
COLORS: Mapping[Look, Colors] = {
    "light": Colors(
        "#ffffff", "#1f2328", "#59636e", ("#0b4f8a", "#3f9b8a", "#d1690e", "#300000", "#9000f0", "#d860f0")
    ),
    "dark": Colors("#14181f", "#e6e8eb", "#9aa4af", ("#3f86d6", "#a4dccb", "#e08a1e", "#786060", "#f0d890", "#7848f0")),
}


def write_chart(tally: Tally, path: Path, look: Look | None) -> None:
    """Draw services by type and status, and sessions over time.

    Args:
        tally: the counts.
        path: a .html, .svg or .png file; it is replaced atomically.
        look: the colors; by default light, and for .html those that the reader's system prefers.
    """
    import vl_convert

    if path.suffix == ".html":
        looks: tuple[Look, ...] = (look,) if look else ("light", "dark")
        content = _page(tally, {name: specification(tally, name) for name in looks}).encode()
    else:
        chart = specification(tally, look or "light")
        if path.suffix == ".svg":
            content = str(vl_convert.vegalite_to_svg(chart)).encode()
        else:
            content = bytes(vl_convert.vegalite_to_png(chart, scale=_SCALE))
    # Readers see the old file until the new one is complete.
    with replacing(path, path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")) as file:
        file.write(content)


def specification(tally: Tally, look: Look) -> dict[str, Any]:
    """Return the charts in Vega-Lite, with their data."""
    import altair as alt

    colors = COLORS[look]
    statuses = tally.statuses()
    charts = [_by_service(alt, tally, statuses, colors) if tally.total else _nothing(alt)]
    if tally.days:
        charts.append(_over_time(alt, tally, statuses, colors))
    title = alt.TitleParams(
        _title(tally),
        subtitle=_remark(tally),
        anchor="start",
        fontSize=20,
        subtitleFontSize=13,
        subtitlePadding=6,
        offset=18,
    )
    chart: Any = alt.vconcat(*charts, spacing=34, title=title, background=colors.background, padding=24)
    return _plain(chart.configure(**_settings(colors)).to_dict())


def _plain(chart: dict[str, Any]) -> dict[str, Any]:
    # The URL of the schema is only a name; without it, no viewer tries to load it.
    chart.pop("$schema", None)
    return chart


def _title(tally: Tally) -> str:
    return f"{tally.total:,} exam session{'' if tally.total == 1 else 's'}"


def _remark(tally: Tally) -> str:
    if not tally.total:
        return "the report has no rows"
    if not tally.days:
        return "none of them has an appointment"
    days = [day for day, _ in tally.days]
    text = f"appointments from {min(days)} to {max(days)}, days in {tally.place}"
    return text + (f"; {tally.undated:,} without an appointment" if tally.undated else "")


def _values(table: Mapping[str, Mapping[str, int]], statuses: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {
            "what": what,
            "status": status,
            "sessions": parts[status],
            "order": statuses.index(status),
            # Read by screen readers.
            "text": f"{what}, {status}: {parts[status]:,}",
        }
        for what, parts in table.items()
        for status in statuses
        if parts.get(status)
    ]


def _color(alt: Any, statuses: Sequence[str], colors: Colors) -> Any:
    place = places(statuses)
    palette = [colors.statuses[place[status] % len(colors.statuses)] for status in statuses]
    return alt.Color(
        "status:N",
        scale=alt.Scale(domain=list(statuses), range=palette),
        legend=alt.Legend(title=None, orient="top", direction="horizontal", symbolType="square", columns=4),
    )


def _tooltip(alt: Any, name: str) -> list[Any]:
    return [alt.Tooltip("what:N", title=name), alt.Tooltip("status:N"), alt.Tooltip("sessions:Q", format=",d")]


def _nothing(alt: Any) -> Any:
    # A chart without marks has no size, and cannot be rendered.
    return alt.Chart(alt.Data(values=[{}])).mark_point(opacity=0).properties(width=_WIDTH, height=20)


def _axis(alt: Any, sums_of_bars: list[int], ticks: int) -> Any:
    # No more ticks than sessions, or labels of fractions would be rounded.
    return alt.Axis(tickCount=min(ticks, max(sums_of_bars, default=1)), tickMinStep=1, format=",d")


def _by_service(alt: Any, tally: Tally, statuses: Sequence[str], colors: Colors) -> Any:
    table = tally.by_service()
    order = list(table)
    bars = (
        alt.Chart(alt.Data(values=_values(table, statuses)))
        .mark_bar(stroke=colors.background, strokeWidth=1, height={"band": 0.72})
        .encode(
            y=alt.Y("what:N", sort=order, title=None, axis=alt.Axis(ticks=False, domain=False, labelPadding=8)),
            x=alt.X(
                "sessions:Q",
                title="sessions",
                # Leaves space for the number after the longest bar.
                scale=alt.Scale(domain=[0, max(map(sums, table.values()), default=1) * 1.09], nice=False),
                axis=_axis(alt, [sums(parts) for parts in table.values()], 6),
            ),
            color=_color(alt, statuses, colors),
            order=alt.Order("order:Q"),
            tooltip=_tooltip(alt, "service type"),
            description=alt.Description("text:N"),
        )
    )
    totals = [{"what": what, "all": sums(parts)} for what, parts in table.items()]
    numbers = (
        alt.Chart(alt.Data(values=totals))
        .mark_text(align="left", dx=6, color=colors.text, fontSize=12)
        .encode(y=alt.Y("what:N", sort=order), x="all:Q", text=alt.Text("all:Q", format=",d"))
    )
    title = alt.TitleParams("By service type and status", anchor="start", frame="group")
    return alt.layer(bars, numbers).properties(width=_WIDTH, height=alt.Step(30), title=title)


def _over_time(alt: Any, tally: Tally, statuses: Sequence[str], colors: Colors) -> Any:
    step, table = tally.step(), tally.periods()
    names = list(table)
    # As many labels as fit beside each other.
    every = -(-len(names) // max(1, _WIDTH // (34 if step == "year" else 62 if step == "month" else 84)))
    title = alt.TitleParams(f"By {step} of the appointment", anchor="start", frame="group")
    axis = alt.Axis(
        values=names[::every], labelAngle=0, ticks=False, labelPadding=8, labelOverlap=False, labelFlush=False
    )
    return (
        alt.Chart(alt.Data(values=_values(table, statuses)))
        .mark_bar(stroke=colors.background, strokeWidth=0.5 if len(names) > 60 else 1)
        .encode(
            x=alt.X("what:N", title=None, axis=axis, scale=alt.Scale(domain=names, paddingInner=0.12)),
            y=alt.Y("sessions:Q", title="sessions", axis=_axis(alt, [sums(parts) for parts in table.values()], 5)),
            color=_color(alt, statuses, colors),
            order=alt.Order("order:Q"),
            tooltip=_tooltip(alt, step),
            description=alt.Description("text:N"),
        )
        .properties(width=_WIDTH, height=220, title=title)
    )


def _settings(colors: Colors) -> dict[str, Any]:
    return {
        "font": _FONT,
        "view": {"stroke": None},
        "title": {"color": colors.text, "subtitleColor": colors.faint, "fontSize": 15, "offset": 12},
        "axis": {
            "labelColor": colors.text,
            "titleColor": colors.faint,
            "labelFontSize": 12,
            "titleFontSize": 12,
            "titleFontWeight": "normal",
            "domainColor": colors.faint,
            "gridColor": colors.faint,
            "gridOpacity": 0.25,
            "tickColor": colors.faint,
            "labelLimit": 240,
        },
        "legend": {"labelColor": colors.text, "labelFontSize": 12, "symbolSize": 140, "labelLimit": 240},
    }


_PAGE = Path(__file__).with_name("chart.html")


def _page(tally: Tally, charts: Mapping[Look, dict[str, Any]]) -> str:
    import vl_convert

    def variables(look: Look) -> str:
        colors = COLORS[look]
        return f":root {{ --background: {colors.background}; --ink: {colors.text}; --faint: {colors.faint}; }}"

    bundle: Any = vl_convert.javascript_bundle  # its types require an argument that has a default
    looks = list(charts)
    styles = variables(looks[0])
    if len(looks) == 2:
        styles += f"\n@media (prefers-color-scheme: dark) {{ {variables('dark')} }}"
    tables = [("service type", tally.by_service()), (tally.step(), tally.periods())]
    return _PAGE.read_text(encoding="utf-8").format(
        title=html.escape(f"{_title(tally)}, {_remark(tally)}"),
        scheme=" ".join(looks),
        styles=styles,
        font=_FONT,
        tables="\n".join(_table(name, table, tally.statuses()) for name, table in tables),
        library=bundle(),
        # No string of the server can end the script element.
        charts=json.dumps(charts).replace("<", "\\u003c"),
    )


def _table(name: str, table: Mapping[str, Mapping[str, int]], statuses: Sequence[str]) -> str:
    head = "".join(f"<th>{html.escape(text)}</th>" for text in [name, *statuses, "all"])
    rows = "".join(
        f"<tr><td>{html.escape(what)}</td>"
        + "".join(f"<td>{parts.get(status, 0):,}</td>" for status in statuses)
        + f"<td>{sums(parts):,}</td></tr>"
        for what, parts in table.items()
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
