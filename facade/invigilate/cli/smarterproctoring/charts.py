"""Charts of the counts, as .html, .svg or .png. They load nothing from the network."""

from __future__ import annotations

import html
import json
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from invigilate._files import replacing

from .tally import Tally, places, sums

_WIDTH = 640
_FONT = "Liberation Sans, Arial, Helvetica, sans-serif"
_SCALE = 2.0
_PAGE = Path(__file__).with_name("chart.html")
BACKGROUND, TEXT, FAINT = "#ffffff", "#1f2328", "#59636e"
# Distinct with every kind of color blindness, and at least 3:1 against the background; see the tests.
STATUSES = ("#0b4f8a", "#3f9b8a", "#d1690e", "#300000", "#9000f0", "#d860f0")


def write_chart(tally: Tally, path: Path) -> None:
    """Draw services by type and status, and sessions over time, into a .html, .svg or .png; replace it atomically."""
    import vl_convert

    chart = specification(tally)
    if path.suffix == ".html":
        content = _page(tally, chart).encode()
    elif path.suffix == ".svg":
        content = str(vl_convert.vegalite_to_svg(chart)).encode()
    else:
        content = bytes(vl_convert.vegalite_to_png(chart, scale=_SCALE))
    # Readers see the old file until the new one is complete.
    with replacing(path, path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")) as file:
        file.write(content)


def specification(tally: Tally) -> dict[str, Any]:
    """Return the charts in Vega-Lite, with their data."""
    import altair

    alt: Any = altair  # some of its functions have no types
    charts: list[Any] = [_by_service(alt, tally)] if tally.total else []
    charts += [_over_time(alt, tally)] if tally.days else []
    # A chart without marks has no size, and cannot be rendered.
    charts = charts or [alt.Chart(alt.Data(values=[{}])).mark_point(opacity=0).properties(width=_WIDTH, height=20)]
    title = alt.TitleParams(
        _title(tally), subtitle=_remark(tally), anchor="start", fontSize=20, subtitleFontSize=13, offset=18
    )
    whole: Any = alt.vconcat(*charts, spacing=34, title=title, background=BACKGROUND, padding=24)
    chart: dict[str, Any] = whole.configure(**_settings()).to_dict()
    # The URL of the schema is only a name; without it, no viewer tries to load it.
    del chart["$schema"]
    return chart


def _title(tally: Tally) -> str:
    return f"{tally.total:,} exam session{'' if tally.total == 1 else 's'}"


def _remark(tally: Tally) -> str:
    if not tally.days:
        return "none of them has an appointment" if tally.total else "the report has no rows"
    days = [day for day, _ in tally.days]
    text = f"appointments from {min(days)} to {max(days)}, days in {tally.place}"
    return text + (f"; {tally.undated:,} without an appointment" if tally.undated else "")


def _bars(alt: Any, tally: Tally, name: str, table: Mapping[str, Mapping[str, int]], **mark: Any) -> Any:
    statuses = tally.statuses()
    values = [
        # The text is read by screen readers.
        {"what": what, "status": status, "sessions": n, "order": order, "text": f"{what}, {status}: {n:,}"}
        for what, parts in table.items()
        for order, status in enumerate(statuses)
        if (n := parts.get(status))
    ]
    place = places(statuses)
    palette = [STATUSES[place[status] % len(STATUSES)] for status in statuses]
    legend = alt.Legend(title=None, orient="top", direction="horizontal", symbolType="square", columns=4)
    return (
        alt.Chart(alt.Data(values=values))
        .mark_bar(stroke=BACKGROUND, **mark)
        .encode(
            color=alt.Color("status:N", scale=alt.Scale(domain=statuses, range=palette), legend=legend),
            order=alt.Order("order:Q"),
            tooltip=[alt.Tooltip("what:N", title=name), "status:N", alt.Tooltip("sessions:Q", format=",d")],
            description=alt.Description("text:N"),
        )
    )


def _axis(alt: Any, table: Mapping[str, Mapping[str, int]], ticks: int) -> Any:
    # No more ticks than sessions, or labels of fractions would be rounded.
    return alt.Axis(tickCount=min(ticks, *map(sums, table.values())), tickMinStep=1, format=",d")


def _by_service(alt: Any, tally: Tally) -> Any:
    table = tally.by_service()
    order = list(table)
    # Leaves space for the number after the longest bar.
    scale = alt.Scale(domain=[0, max(map(sums, table.values())) * 1.09], nice=False)
    bars = _bars(alt, tally, "service type", table, strokeWidth=1, height={"band": 0.72}).encode(
        y=alt.Y("what:N", sort=order, title=None, axis=alt.Axis(ticks=False, domain=False, labelPadding=8)),
        x=alt.X("sessions:Q", title="sessions", scale=scale, axis=_axis(alt, table, 6)),
    )
    totals = [{"what": what, "all": sums(parts)} for what, parts in table.items()]
    numbers = (
        alt.Chart(alt.Data(values=totals))
        .mark_text(align="left", dx=6, color=TEXT, fontSize=12)
        .encode(y=alt.Y("what:N", sort=order), x="all:Q", text=alt.Text("all:Q", format=",d"))
    )
    title = alt.TitleParams("By service type and status", anchor="start", frame="group")
    return alt.layer(bars, numbers).properties(width=_WIDTH, height=alt.Step(30), title=title)


def _over_time(alt: Any, tally: Tally) -> Any:
    step, table = tally.step(), tally.periods()
    names = list(table)
    # As many labels as fit beside each other.
    every = -(-len(names) // (_WIDTH // (8 * len(names[0]) + 4)))
    axis = alt.Axis(values=names[::every], labelAngle=0, ticks=False, labelPadding=8, labelOverlap=False)
    return (
        _bars(alt, tally, step, table, strokeWidth=0.5)
        .encode(
            x=alt.X("what:N", title=None, axis=axis, scale=alt.Scale(domain=names, paddingInner=0.12)),
            y=alt.Y("sessions:Q", title="sessions", axis=_axis(alt, table, 5)),
        )
        .properties(
            width=_WIDTH,
            height=220,
            title=alt.TitleParams(f"By {step} of the appointment", anchor="start", frame="group"),
        )
    )


def _settings() -> dict[str, Any]:
    return {
        "font": _FONT,
        "view": {"stroke": None},
        "title": {"color": TEXT, "subtitleColor": FAINT, "fontSize": 15, "offset": 12},
        "axis": {"labelColor": TEXT, "titleColor": FAINT, "gridOpacity": 0.25, "labelLimit": 240},
        "legend": {"labelColor": TEXT, "labelLimit": 240},
    }


def _page(tally: Tally, chart: Mapping[str, Any]) -> str:
    import vl_convert

    bundle: Any = vl_convert.javascript_bundle  # its types require an argument that has a default
    tables = [("service type", tally.by_service()), (tally.step(), tally.periods())]
    return _PAGE.read_text(encoding="utf-8").format(
        title=html.escape(f"{_title(tally)}, {_remark(tally)}"),
        background=BACKGROUND,
        text=TEXT,
        font=_FONT,
        tables="\n".join(_table(name, table, tally.statuses()) for name, table in tables),
        library=bundle(),
        # No string of the server can end the script element.
        chart=json.dumps(chart).replace("<", "\\u003c"),
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
