"""The page of a report: charts by Bokeh, set into a template by Jinja2."""

from pathlib import Path

import numpy as np

from skdeepcluster.displays._common import label_color
from skdeepcluster.overview._rows import formatted, image_uri, shortened

TEMPLATE = "report.html.jinja"
SHORT_TEMPLATE = "short.html.jinja"
# A legend of more clusters would be longer than the plot.
MAX_LEGEND = 25
# Columns of a table of rows.
MAX_COLUMNS = 10
# Features that are listed of each cluster.
N_EFFECTS = 8
# Less distinguishes nothing.
SMALL_EFFECT = 0.2
# Images behind the mean image.
MAX_AVERAGED = 500

# The row that is clicked is shown below the plot.
_PICK = """
const i = source.selected.indices[0]
const box = document.getElementById("picked")
if (i === undefined) { box.hidden = true } else {
  box.hidden = false
  const image = box.querySelector("img")
  if (source.data.image) { image.src = source.data.image[i] } else { image.hidden = true }
  box.querySelector("b").textContent = source.data.title[i]
  box.querySelector("p").textContent = source.data.text[i]
}
"""


def _bokeh():
    """Bokeh's modules, or an error that says what to install."""
    try:
        import bokeh.embed
        import bokeh.models
        import bokeh.plotting
        import bokeh.resources
    except ImportError as error:
        raise ImportError(
            "A report needs Bokeh and Jinja2: pip install bokeh jinja2, or 'skdeepcluster[report]'"
        ) from error
    return bokeh


def _template(name):
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
    except ImportError as error:
        raise ImportError(
            "A report needs Jinja2: pip install jinja2, or 'skdeepcluster[report]'"
        ) from error
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)


def page(report):
    """The page as a string.

    Parameters
    ----------
    report : Report

    Returns
    -------
    html : str
    """
    bokeh = _bokeh()
    charts = {"sizes": _sizes(report), "plane": _plane(report)}
    if not np.isnan(report.silhouettes).all():
        charts["silhouettes"] = _silhouettes(report)
    script, divs = bokeh.embed.components(charts)
    resources = bokeh.resources.Resources(mode="inline", components=["bokeh"])
    return _template(TEMPLATE).render(
        **_facts(report),
        library=resources.render_js(),
        script=script,
        charts=divs,
        clusters=[_cluster(report, k) for k in range(len(report.clusters))],
        uncertain=_rows_shown(report, report.uncertain, _columns(report)),
        columns=[report.shown["table"].names[j] for j in _columns(report)],
        by_probability=report.confidences is not None,
        has_images=report.shown["images"] is not None,
        has_texts=report.shown["texts"] is not None,
        n_refits=report.n_refits,
    )


def short_form(report):
    """A table of the clusters, for notebooks.

    Parameters
    ----------
    report : Report

    Returns
    -------
    html : str
    """
    clusters = [_cluster(report, k, n_effects=3, rows=False) for k in range(len(report.clusters))]
    return _template(SHORT_TEMPLATE).render(**_facts(report), clusters=clusters)


def _facts(report):
    n = len(report.labels)
    values = report.silhouettes[~np.isnan(report.silhouettes)]
    return {
        "title": report.title,
        "estimator": report.estimator,
        "n": n,
        "n_noise": int(np.sum(report.labels == -1)),
        "n_drawn": len(report.rows),
        "silhouette": f"{_weighted_silhouette(report):.2f}" if len(values) else None,
    }


def _weighted_silhouette(report):
    """The mean of all rows: small clusters are drawn more often than others."""
    means = report.mean_silhouettes
    known = ~np.isnan(means)
    return float(np.average(means[known], weights=report.sizes[known]))


def _cluster(report, k, n_effects=N_EFFECTS, rows=True):
    """What the page says about a cluster."""
    label = report.clusters[k]
    mean = report.mean_silhouettes[k]
    found = {
        "label": str(label),
        "color": label_color(int(label)),
        "size": int(report.sizes[k]),
        "share": report.sizes[k] / len(report.labels),
        "silhouette": None if np.isnan(mean) else f"{mean:.2f}",
        "stability": None if report.stability is None else f"{report.stability[k]:.2f}",
        "effects": _effects(report, k, n_effects),
    }
    if rows:
        found["rows"] = _rows_shown(report, report.prototypes[k], _columns(report))
        found["mean_image"] = _mean_image(report, k)
    return found


def _effects(report, k, n):
    effects = report.effects
    if effects is None:
        return []
    shown = []
    for j in effects.strongest(k, n):
        size = effects.sizes[k, j]
        if abs(size) < SMALL_EFFECT:
            break
        values = effects.inside[k, j], effects.outside[k, j]
        if effects.kinds[j] == "share":
            inside, outside = (f"{value:.0%}" for value in values)
        else:
            inside, outside = map(formatted, values)
        shown.append(
            {
                "name": effects.names[j],
                "inside": inside,
                "outside": outside,
                "size": f"{size:+.1f}" if np.isfinite(size) else ("+∞" if size > 0 else "−∞"),
                "width": f"{min(abs(size), 3) / 3:.0%}",
                "more": bool(size > 0),
            }
        )
    return shown


def _mean_image(report, k):
    images = report.shown["images"]
    if images is None:
        return None
    mean = images.mean(np.flatnonzero(report.labels == report.clusters[k])[:MAX_AVERAGED])
    return None if mean is None else image_uri(images, mean)


def _columns(report):
    """Columns in which rows are shown: those that distinguish clusters most, in their order."""
    table, effects = report.shown["table"], report.effects
    if report.shown["images"] is not None or report.shown["texts"] is not None:
        return []
    names = table.names
    if len(names) <= MAX_COLUMNS or effects is None:
        return list(range(min(len(names), MAX_COLUMNS)))
    strength = np.zeros(len(names))
    largest = np.nan_to_num(np.abs(effects.sizes), nan=0.0, posinf=1e9).max(axis=0, initial=0)
    np.maximum.at(strength, effects.columns, largest)
    return sorted(np.argsort(-strength, kind="stable")[:MAX_COLUMNS].tolist())


def _rows_shown(report, rows, columns):
    """Rows as images, texts or values."""
    shown = report.shown
    images, texts = shown["images"], shown["texts"]
    place = {row: i for i, row in enumerate(report.rows.tolist())}
    doubt = report.silhouettes if report.confidences is None else report.confidences
    found = []
    for row in map(int, rows):
        i = place.get(row)
        other = report.neighbors[i] if i is not None else -1
        found.append(
            {
                "name": shown["names"][row],
                "label": str(report.labels[row]),
                "color": label_color(int(report.labels[row])),
                "image": None if images is None else image_uri(images, images[row]),
                "text": None if texts is None else shortened(texts[row]),
                "values": shown["table"].values(row, columns),
                "other": None if other < 0 else str(report.clusters[other]),
                "doubt": None if i is None else f"{doubt[i]:.2f}",
            }
        )
    return found


def _title(report, i):
    row = report.rows[i]
    label = report.labels[row]
    title = f"row {report.shown['names'][row]}, " + ("noise" if label == -1 else f"cluster {label}")
    if report.confidences is not None:
        return f"{title}, lead {report.confidences[i]:.2f}"
    silhouette = report.silhouettes[i]
    return title if np.isnan(silhouette) else f"{title}, silhouette {silhouette:.2f}"


def _plane(report):
    """The scatter plot of the embedding."""
    bokeh = _bokeh()
    models = bokeh.models
    shown, columns = report.shown, _columns(report)
    texts = []
    for row in report.rows.tolist():
        if shown["texts"] is not None:
            texts.append(shortened(shown["texts"][row]))
        else:
            names = [shown["table"].names[j] for j in columns]
            values = shown["table"].values(row, columns)
            texts.append("\n".join(f"{n}: {v}" for n, v in zip(names, values, strict=True)))
    labels = report.labels[report.rows]
    data = {
        "x": report.coordinates[:, 0].astype(np.float32),
        "y": report.coordinates[:, 1].astype(np.float32),
        "title": [_title(report, i) for i in range(len(labels))],
        "text": texts,
    }
    picture = ""
    if shown["images"] is not None:
        data["image"] = [image_uri(shown["images"], shown["images"][row]) for row in report.rows]
        picture = '<img src="@image" style="width:64px;image-rendering:pixelated"><br>'
    source = models.ColumnDataSource(data)
    figure = bokeh.plotting.figure(
        height=520, sizing_mode="stretch_width", tools="pan,wheel_zoom,box_zoom,reset,tap,save",
        active_scroll=None, output_backend="canvas",
        x_axis_label=report.axis_names[0] or "", y_axis_label=report.axis_names[1] or "",
    )  # fmt: skip
    figure.toolbar.logo = None
    few = len(report.clusters) <= MAX_LEGEND
    for label in np.unique(labels):
        view = models.CDSView(filter=models.IndexFilter(np.flatnonzero(labels == label).tolist()))
        legend = {"legend_label": "noise" if label == -1 else str(label)} if few else {}
        figure.scatter(
            "x", "y", source=source, view=view, color=label_color(int(label)),
            marker="x" if label == -1 else "circle", size=6, alpha=0.7, nonselection_alpha=0.25,
            **legend,
        )  # fmt: skip
    figure.add_tools(
        models.HoverTool(
            limit=1,  # rows that lie upon each other would fill the window
            tooltips=f'<div style="max-width:22em">{picture}<b>@title</b>'
            '<div style="white-space:pre-line">@text</div></div>',
        )
    )
    source.selected.js_on_change("indices", models.CustomJS(args={"source": source}, code=_PICK))
    if few and len(figure.legend):
        figure.legend.click_policy = "hide"
        figure.legend.title = "click to hide"
        figure.add_layout(figure.legend[0], "right")
    return figure


def _sizes(report):
    """Bars of the sizes; a click leads to the cluster."""
    bokeh = _bokeh()
    labels = [str(label) for label in report.clusters]
    source = bokeh.models.ColumnDataSource(
        {
            "label": labels,
            "size": report.sizes,
            "share": report.sizes / len(report.labels),
            "color": [label_color(int(label)) for label in report.clusters],
        }
    )
    figure = bokeh.plotting.figure(
        y_range=bokeh.models.FactorRange(factors=labels[::-1]),
        height=min(80 + 22 * len(labels), 700),
        sizing_mode="stretch_width", tools="tap", toolbar_location=None, x_axis_label="rows",
        y_axis_label="cluster",
    )  # fmt: skip
    figure.hbar(
        y="label", right="size", left=0, height=0.8, color="color", source=source,
        nonselection_alpha=1.0,
    )  # fmt: skip
    figure.x_range.start = 0
    figure.ygrid.visible = False
    figure.add_tools(
        bokeh.models.HoverTool(
            tooltips=[("cluster", "@label"), ("rows", "@size"), ("share", "@share{0.0%}")]
        )
    )
    figure.select_one(bokeh.models.TapTool).callback = bokeh.models.OpenURL(
        url="#cluster-@label", same_tab=True
    )
    return figure


def _silhouettes(report):
    """Silhouettes of the rows drawn, sorted within each cluster."""
    bokeh = _bokeh()
    labels = report.labels[report.rows]
    shapes = {name: [] for name in ("xs", "ys", "color", "label", "mean", "negative")}
    top = 0
    gap = max(1, 0.02 * len(labels) / max(1, len(report.clusters) / 10))
    for label in report.clusters:
        values = report.silhouettes[labels == label]
        values = np.sort(values[~np.isnan(values)])[::-1]
        if not len(values):
            continue
        # Each row is a bar of height 1.
        edges = top + np.repeat(np.arange(len(values) + 1), 2)[1:-1]
        shapes["xs"].append(np.concatenate([[0], np.repeat(values, 2), [0]]).round(3).tolist())
        shapes["ys"].append(np.concatenate([edges[:1], edges, edges[-1:]]).tolist())
        shapes["color"].append(label_color(int(label)))
        shapes["label"].append(str(label))
        shapes["mean"].append(float(values.mean()))
        shapes["negative"].append(float((values < 0).mean()))
        top += len(values) + gap
    figure = bokeh.plotting.figure(
        height=420, sizing_mode="stretch_width", tools="", toolbar_location=None,
        x_axis_label="silhouette", y_range=(top, -gap),
    )  # fmt: skip
    figure.patches("xs", "ys", color="color", alpha=0.8, source=shapes)
    figure.yaxis.visible = False
    figure.ygrid.visible = False
    figure.add_tools(
        bokeh.models.HoverTool(
            tooltips=[
                ("cluster", "@label"),
                ("mean", "@mean{0.00}"),
                ("nearer to another cluster", "@negative{0%}"),
            ]
        )
    )
    return figure
