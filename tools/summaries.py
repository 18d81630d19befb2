"""What test runners say at their end."""

from __future__ import annotations

import re

_PART = re.compile(r"(\d+) (passed|failed|errors?|skipped|xfailed|xpassed|deselected|warnings?)")
_PYTEST = re.compile(r"^(?:=+ )?(?:\d+ \w+, )*\d+ \w+ in [\d.]+s(?: \([\d:]+\))?(?: =+)?$|^\d+ passed, \d+ failed(?:, \d+ skipped)?$")


def counts(text: str) -> tuple[int, int, int] | None:
    """Tests passed, failed and skipped, of all summaries in a log; None if it holds none."""
    passed = failed = skipped = 0
    is_known = False
    for line in text.splitlines():
        stripped = line.strip()
        if not _PYTEST.match(stripped):
            continue
        for number, word in _PART.findall(stripped):
            is_known = True
            if word == "passed":
                passed += int(number)
            elif word in ("failed", "error", "errors"):
                failed += int(number)
            elif word == "skipped":
                skipped += int(number)
    return (passed, failed, skipped) if is_known else None


def closing_line(text: str, pattern: str) -> str:
    """The last line that matches, or the last one at all, without ornaments."""
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line).strip("= ") for line in text.splitlines() if line.strip()]
    matching = [line for line in lines if pattern and re.search(pattern, line)]
    chosen = (matching or [line for line in lines if not line.startswith("$ ")] or [""])[-1]
    return chosen[:140]
