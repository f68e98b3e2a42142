"""Print constraints.txt with the oldest versions that pyproject.toml allows of what it requires.

python tools/oldest_constraints.py > oldest.txt
"""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def lower_bounds():
    """The oldest version by the name of each dependency that has one."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    found = (re.fullmatch(r"([\w-]+)>=([\d.]+)", line) for line in project["dependencies"])
    return {match[1]: match[2] for match in found if match}


def main():
    oldest = lower_bounds()
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        name = line.partition("==")[0]
        print(f"{name}=={oldest[name]}" if name in oldest else line)


if __name__ == "__main__":
    main()
