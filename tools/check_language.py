"""Check that the package is written in American English, with the terms of the field.

Goes over what git tracks; titles of papers in references keep the spelling of their authors. Exit
status 1 when a word is found that has another form here.
"""

import re
import subprocess
import sys
from pathlib import Path

SUFFIXES = {".py", ".pyx", ".pxd", ".h", ".rst", ".toml", ".sh"}
# Beginnings of words, and what is written in their place.
WORDS = {
    "analyse": "analyze",
    "behaviour": "behavior",
    "cancelled": "canceled",
    "centre": "center",
    "centring": "centering",
    "colour": "color",
    "factoris": "factoriz",
    "favour": "favor",
    "generalis": "generaliz",
    "initialis": "initializ",
    "labelled": "labeled",
    "labelling": "labeling",
    "localis": "localiz",
    "majoris": "majoriz",
    "maximis": "maximiz",
    "minimis": "minimiz",
    "modelling": "modeling",
    "neighbour": "neighbor",
    "normalis": "normaliz",
    "optimis": "optimiz",
    "parallelis": "paralleliz",
    "penalis": "penaliz",
    "quantis": "quantiz",
    "randomis": "randomiz",
    "recognis": "recogniz",
    "regularis": "regulariz",
    "standardis": "standardiz",
    "summaris": "summariz",
    "synchronis": "synchroniz",
    "vectoris": "vectoriz",
    "visualis": "visualiz",
}
PATTERN = re.compile(rf"(?<![a-z])(?:un|re|de|mis)?({'|'.join(WORDS)})(?!tic)", re.IGNORECASE)
# Where a reference begins; it ends at the next empty line.
REFERENCE = re.compile(r"^\s*\.\. \[\d+\]")


def findings(text):
    """Pairs of a line number and a word."""
    in_reference = False
    for number, line in enumerate(text.splitlines(), 1):
        in_reference = bool(REFERENCE.match(line)) or (in_reference and line.strip() != "")
        if not in_reference:
            yield from ((number, match[1]) for match in PATTERN.finditer(line))


def main():
    """Print what is found."""
    root = Path(__file__).parents[1]
    tracked = subprocess.run(["git", "ls-files"], cwd=root, capture_output=True, text=True)
    found = 0
    for name in tracked.stdout.splitlines():
        path = root / name
        if path.suffix in SUFFIXES and path != Path(__file__) and path.exists():
            for number, word in findings(path.read_text()):
                found += 1
                print(f"{name}:{number}: {word!r} is {WORDS[word.lower()]!r} here")
    print(f"language: {found} words to change")
    return int(found > 0)


if __name__ == "__main__":
    sys.exit(main())
