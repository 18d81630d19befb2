"""All benchmarks, one after another: expressions, core, store, whole server. ``make bench`` runs this.

Arguments are handed to the whole-server run, for example ``--database-url postgresql://...``.
"""

# ruff: noqa: INP001, T201, S603 - a script that prints and starts scripts beside it

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> int:
    """Run every script; the first failure ends it."""
    for name, arguments in (("bench_expr.py", []), ("bench_core.py", []), ("bench_store.py", []), ("bench_server.py", sys.argv[1:])):
        print(f"\n== {name}", flush=True)
        code = subprocess.run([sys.executable, str(HERE / name), *arguments], check=False).returncode
        if code:
            return code
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
