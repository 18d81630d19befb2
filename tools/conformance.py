"""Run the recorded cases against a server, and judge what differs.

    python tools/conformance.py FOLDER URL

FOLDER holds run.py and cases/. A case passes if it ends as recorded, or differs exactly as tests/conformance-differences.yml says:
no line more, no line less. A difference that is decided there and doesn't show is a failure too, so the list can't grow stale.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

DECIDED = Path(__file__).parent.parent / "tests" / "conformance-differences.yml"
RESULT = re.compile(r"(?P<word>ok|FAIL) +(?P<case>\S+) \(")


@dataclass
class Report:
    """What the runner printed: names of cases that passed, and the differences of those that did not."""

    passed: list[str] = field(default_factory=list)
    differing: dict[str, list[str]] = field(default_factory=dict)


def read(output: str) -> Report:
    """Take the runner's verbose output apart."""
    report, current = Report(), None
    for line in output.splitlines():
        verdict = RESULT.match(line)
        if verdict and verdict["word"] == "ok":
            report.passed.append(verdict["case"])
            current = None
        elif verdict:
            current = report.differing.setdefault(verdict["case"], [])
        elif line.startswith(" ") and current is not None:
            current.append(line.strip())
    return report


def problems(report: Report, decided: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """By case, what is neither as recorded nor as decided."""
    found = {name: lines for name, lines in report.differing.items() if lines != decided.get(name)}
    for name in report.passed:
        if name in decided:
            found[name] = [f"it passes, so it has no place in {DECIDED.name} any more"]
    return found


def main(folder: str, url: str) -> int:
    """Print the runner's output, what is wrong, and a closing line."""
    command = [sys.executable, str(Path(folder) / "run.py"), "--url", url, "--jobs", "4", "-v"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    report = read(done.stdout)
    if not report.passed and not report.differing:
        print(done.stdout)
        print("the runner ended without a result\n0 passed, 1 failed")
        return 1
    decided = {entry["case"]: entry["differences"] for entry in yaml.safe_load(DECIDED.read_text())}
    wrong = problems(report, decided)
    for name, lines in wrong.items():
        print(f"{name}\n" + "".join(f"    {line}\n" for line in lines), end="")
    as_decided = len(report.differing) - len([name for name in wrong if name in report.differing])
    total = len(report.passed) + len(report.differing)
    print(f"{total} cases at {url}, {as_decided} of them differ as decided")
    print(f"{total - len(wrong)} passed, {len(wrong)} failed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
