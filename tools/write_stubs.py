"""Write skdeepcluster/__init__.pyi, from which editors learn the public names.

The package resolves names when they are first used, which an editor cannot follow. Run after a
method was made public; a test compares the file with the table.
"""

from pathlib import Path

import skdeepcluster

STUB = Path(skdeepcluster.__file__).with_suffix(".pyi")


def _import(module, name):
    line = f"from {module} import {name} as {name}"
    # As ruff formats it.
    return line if len(line) <= 100 else f"from {module} import (\n    {name} as {name},\n)"


def stub():
    """The text of the stub: each public name, imported from its file."""
    lines = [_import("skdeepcluster", name) for name in sorted(skdeepcluster._SUBPACKAGES)]
    for file, names in sorted(skdeepcluster._FILES.items()):
        lines += [_import(f"skdeepcluster.{file}", name) for name in sorted(names)]
    lines += ["", "__version__: str", "__all__: list[str]", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    STUB.write_text(stub())
