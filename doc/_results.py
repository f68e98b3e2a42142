"""Tables of benchmark results, rendered from the data files in benchmarks/results.

A page has a table between two comments, the first of which names the file, or a selection of one.
A data file has a line for each measured value: the command that measures it, processor, number of
cores, versions, seed, data set, method, metric and value. A field that is empty was not recorded. A
seed such as "0-4" marks a mean over these seeds.
"""

import csv
import re
from pathlib import Path
from statistics import mean

RESULTS = Path(__file__).parents[1] / "benchmarks" / "results"
FIELDS = ["command", "cpu", "cores", "versions", "seed", "data", "method", "metric", "value"]
# For each file, what its table's rows and columns stand for.
LAYOUTS = {
    "autoencoder": (("method",), ("data", "metric")),
    "classical": (("data", "method"), ("metric",)),
    "constrained": (("data", "method"), ("metric",)),
    "degree_linkage": (("method",), ("data", "metric")),
    "epoch": (("method",), ("metric",)),
    "neighbors": (("data", "method"), ("metric",)),
    "mnist_nd": (("data", "method"), ("metric",)),
    "old_processor": (("method",), ("metric",)),
    "overview": (("data", "method"), ("metric",)),
    "gains": (("method",), ("data", "metric")),
    "gldc": (("method",), ("metric",)),
    "reproduce": (("method",), ("metric",)),
    "selfsupervised": (("method",), ("metric",)),
    "starts": (("method",), ("metric",)),
}
# Tables of some lines of another file: its name, and the values that fields have.
SELECTIONS = {
    "overview": (
        "reproduce",
        {
            "data": ("digits", "usps", "mnist"),
            "method": ("k-means", "umap-learn, k-means", "NeighborClusterer", "DEC", "IDEC"),
            "metric": ("accuracy", "NMI", "seconds"),
        },
    ),
    # What training adds to an untrained network, on images as flat rows and on tables.
    "gains": (
        "reproduce",
        {
            "data": ("digits", "breast_cancer", "segment", "mice_protein"),
            "method": (
                "SimCLR",
                "GSimCLR",
                "SwAV",
                "SeLa",
                "DeepClusterV2",
                "DeepCluster",
                "DeeperCluster",
                "ClusterFit",
                "MLCD",
                "ODC",
                "SIGMA",
                "IIC",
                "ContrastiveClustering",
            ),
            "metric": ("start accuracy", "accuracy"),
        },
    ),
}
# Files with a table for each data set, and the metrics that these show, in this order.
PER_DATA = {
    "reproduce": (
        "start accuracy",
        "warm-up accuracy",
        "accuracy",
        "start mean recall",
        "mean recall",
        "start NMI",
        "NMI",
        "ARI",
        "seconds",
        "peak MB",
        "given up after, seconds",
    )
}
# Methods that a sentence on how they were measured names.
MOST_NAMED = 12
# Figures that papers report, and the heading that they have in such a table.
PAPERS = RESULTS.parent / "papers.csv"
PAPER = "the paper's accuracy"
MARKED = re.compile(r"^\.\. results: (\w+)\n.*?^\.\. end of results\n", re.MULTILINE | re.DOTALL)


def read_results(name):
    """The lines of a data file, as dicts of strings."""
    with open(RESULTS / f"{name}.csv", newline="") as file:
        reader = csv.DictReader(file)
        if reader.fieldnames != FIELDS:
            raise ValueError(f"{name}.csv has the columns {reader.fieldnames}, not {FIELDS}")
        return list(reader)


def _digits(number):
    return ".3f" if number < 100 else ".0f"


def _single(value):
    """A value as it was written down, but without digits that no seed would repeat."""
    try:
        number = float(value)
    except ValueError:
        return value
    return min(value, format(number, _digits(number)), key=len) if number >= 0.1 else value


def _cell(values):
    """The value of one seed; of several, the mean and the range."""
    values = list(filter(None, values))
    if len(values) < 2:
        return "".join(map(_single, values))
    numbers = [float(value) for value in values]
    digits = _digits(max(numbers))
    middle, least, most = (format(f(numbers), digits) for f in (mean, min, max))
    return f"{middle} ({least} to {most})"


def _seeds(seeds):
    """Seeds as they are stored, single ones as a range."""
    seeds = dict.fromkeys(filter(None, seeds))
    single = [int(seed) for seed in seeds if seed.isdecimal()]
    if len(single) > 1 and sorted(single) == list(range(min(single), max(single) + 1)):
        seeds = {f"{min(single)}-{max(single)}": None} | {
            s: None for s in seeds if not s.isdecimal()
        }
    return list(seeds)


def _conditions(lines):
    """How the values were measured: a sentence for each command, machine and set of seeds."""
    found = {}
    for line in lines:
        key = tuple(line[field] for field in ("command", "cpu", "cores", "versions"))
        found.setdefault(key, []).append(line)
    for (command, cpu, cores, versions), measured in found.items():
        machine = [cpu or "processor not recorded", f"cores: {cores}", versions]
        if seeds := _seeds(line["seed"] for line in measured):
            machine.append(f"seeds: {', '.join(seeds)}")
        methods = dict.fromkeys(line["method"] for line in measured)
        if len(methods) > MOST_NAMED:
            methods = [f"{len(methods)} methods"]
        what = f" ({', '.join(methods)})" if len(found) > 1 else ""
        yield f"``{command}``{what}: {'; '.join(filter(None, machine))}."


def _reported(data):
    """The accuracy of each method in its paper on a data set, or on the set it is drawn from."""
    with open(PAPERS, newline="") as file:
        lines = list(csv.DictReader(file))
    exact = [line for line in lines if line["data"] == data]
    found = exact or [line for line in lines if line["data"] == data.partition("-")[0]]
    return {
        line["method"]: f"{line['accuracy']} on {line['rows']} rows ({line['source']})"
        for line in found
    }


def table(name):
    """A data file as a table, or one for each data set, followed by how it was measured."""
    source, chosen = SELECTIONS.get(name, (name, {}))
    lines = [
        line
        for line in read_results(source)
        if all(line[field] in values for field, values in chosen.items())
    ]
    # In the order of the selection; otherwise in that of the file.
    lines.sort(key=lambda line: [values.index(line[field]) for field, values in chosen.items()])
    rows, columns = LAYOUTS[name]
    if name not in PER_DATA:
        text = _table(lines, rows, columns)
    else:
        text = []
        for data in dict.fromkeys(line["data"] for line in lines):
            text += ["" if text else None, f".. rubric:: {data}", ""]
            own = [line for line in lines if line["data"] == data]
            text += _table(own, rows, columns, PER_DATA[name], _reported(data))
        text = [line for line in text if line is not None]
    return "\n".join([*text, "", *(f"| {line}" for line in _conditions(lines))]) + "\n"


def _table(lines, rows, columns, shown=(), reported=None):
    """Lines of a table; of the columns those that are shown, then what papers report."""
    cells, seeds = {}, {}
    for line in lines:
        row, column = (", ".join(line[f] for f in fields) for fields in (rows[-1:], columns))
        group = line[rows[0]] if len(rows) > 1 else ""
        cells.setdefault((group, row), {}).setdefault(column, []).append(line["value"])
        seeds.setdefault((group, row), set()).add(line["seed"])
    heads = list(dict.fromkeys(head for row in cells.values() for head in row))
    if shown:
        heads = ["seeds", *(head for head in shown if head in heads)]
        for key, values in cells.items():
            values["seeds"] = [str(len(seeds[key]))]
    for (_, row), values in cells.items():
        if reported and row.partition(",")[0] in reported:
            values[PAPER] = [reported[row.partition(",")[0]]]
            heads = [*heads, PAPER] if PAPER not in heads else heads
    text = [".. list-table::", "   :header-rows: 1", ""]
    leading = [field.capitalize() for field in rows]
    text += [f"   {'*' if not i else ' '} - {head}" for i, head in enumerate([*leading, *heads])]
    last = None
    for (group, row), values in cells.items():
        entries = ([group if group != last else ""] if len(rows) > 1 else []) + [row]
        entries += [_cell(values.get(head, [])) for head in heads]
        text += [f"   {'*' if not i else ' '} - {e}".rstrip() for i, e in enumerate(entries)]
        last = group
    return text


def shown_results(text):
    """The names of the data files that a page shows."""
    return [match[1] for match in MARKED.finditer(text)]


def with_results(text):
    """A page's text with its tables as the data files have them now."""

    def rendered(match):
        return f".. results: {match[1]}\n\n{table(match[1])}\n.. end of results\n"

    return MARKED.sub(rendered, text)
