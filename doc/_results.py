"""Tables of benchmark results, rendered from the data files in benchmarks/results.

A page has a table between two comments, the first of which names the file. A data file has a line
for each measured value: the command that measures it, processor, number of cores, versions, seed,
data set, method, metric and value. A field that is empty was not recorded. A seed such as "0-4"
marks a mean over these seeds.
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
    "defaults": (("data", "method"), ("metric",)),
    "degree_linkage": (("method",), ("data", "metric")),
    "epoch": (("method",), ("metric",)),
    "neighbors": (("data", "method"), ("metric",)),
    "gldc": (("method",), ("metric",)),
    "selfsupervised": (("method",), ("metric",)),
    "starts": (("method",), ("metric",)),
}
MARKED = re.compile(r"^\.\. results: (\w+)\n.*?^\.\. end of results\n", re.MULTILINE | re.DOTALL)


def read_results(name):
    """The lines of a data file, as dicts of strings."""
    with open(RESULTS / f"{name}.csv", newline="") as file:
        reader = csv.DictReader(file)
        if reader.fieldnames != FIELDS:
            raise ValueError(f"{name}.csv has the columns {reader.fieldnames}, not {FIELDS}")
        return list(reader)


def _cell(values):
    """A value as it was written down; of several seeds, the mean and the range."""
    if len(values) < 2:
        return "".join(values)
    numbers = [float(value) for value in values]
    return f"{mean(numbers):.3f} ({min(numbers):.3f} to {max(numbers):.3f})"


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
        what = f" ({', '.join(methods)})" if len(found) > 1 else ""
        yield f"``{command}``{what}: {'; '.join(filter(None, machine))}."


def table(name):
    """A data file as a table, followed by how it was measured."""
    lines = read_results(name)
    rows, columns = LAYOUTS[name]
    cells = {}
    for line in lines:
        row, column = (", ".join(line[f] for f in fields) for fields in (rows[-1:], columns))
        group = line[rows[0]] if len(rows) > 1 else ""
        cells.setdefault((group, row), {}).setdefault(column, []).append(line["value"])
    heads = list(dict.fromkeys(head for row in cells.values() for head in row))
    text = [".. list-table::", "   :header-rows: 1", ""]
    leading = [field.capitalize() for field in rows]
    text += [f"   {'*' if not i else ' '} - {head}" for i, head in enumerate([*leading, *heads])]
    last = None
    for (group, row), values in cells.items():
        entries = ([group if group != last else ""] if len(rows) > 1 else []) + [row]
        entries += [_cell(values.get(head, [])) for head in heads]
        text += [f"   {'*' if not i else ' '} - {e}".rstrip() for i, e in enumerate(entries)]
        last = group
    return "\n".join([*text, "", *(f"| {line}" for line in _conditions(lines))]) + "\n"


def shown_results(text):
    """The names of the data files that a page shows."""
    return [match[1] for match in MARKED.finditer(text)]


def with_results(text):
    """A page's text with its tables as the data files have them now."""

    def rendered(match):
        return f".. results: {match[1]}\n\n{table(match[1])}\n.. end of results\n"

    return MARKED.sub(rendered, text)
