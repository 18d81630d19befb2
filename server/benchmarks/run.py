"""All benchmarks, one after another, from expressions to whole servers and playbooks. ``make bench`` runs this.

    python server/benchmarks/run.py [--database-url URL] [--json results.json] [--svg docs/scaling.svg] [--dbos URL]

The whole-server runs are made on an SQLite file, and on the database named, if any, whose figures are kept
under its kind, such as postgresql. ``report.py`` makes docs/performance.md of the results.
"""

# ruff: noqa: INP001, T201, S603 - a script that prints and starts scripts beside it

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> int:
    """Run every script; the first failure ends it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database-url")
    parser.add_argument("--json", help="file of results")
    parser.add_argument("--svg", help="file for the plot of growth")
    parser.add_argument("--dbos", help="database of DBOS, to measure it too")
    given = parser.parse_args()

    def options(*names: str) -> list[str]:
        return [text for name in names if (value := getattr(given, name.replace("-", "_"))) for text in (f"--{name}", value)]

    runs = [["bench_expr.py"], ["bench_core.py"], ["bench_store.py"], ["bench_server.py", "--name", "sqlite", *options("json")]]
    if given.database_url:
        kind = given.database_url.partition(":")[0].partition("+")[0]
        runs.append(["bench_server.py", "--name", kind, *options("database-url", "json")])
    runs += [
        ["bench_scaling.py", *options("database-url", "svg", "json")], ["bench_steps.py", *options("database-url", "dbos", "json")],
        ["bench_start.py", *options("json")], ["bench_idle.py", *options("json")], ["bench_playbooks.py", *options("json")],
    ]
    for script, *arguments in runs:
        print(f"\n== {script} {' '.join(arguments)}", flush=True)
        code = subprocess.run([sys.executable, str(HERE / script), *arguments], check=False).returncode
        if code:
            return code
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
