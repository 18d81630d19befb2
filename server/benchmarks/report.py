"""docs/performance.md out of a file of results, so that no figure in it is typed by hand.

    python server/benchmarks/report.py results.json --conditions "two cores, nothing else running" > docs/performance.md

Sections whose benchmark wasn't run are left out. The commands that fill the file stand in the page.
"""

# ruff: noqa: INP001 - a script that prints

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from workloads import BESIDE, SINGLE, WORKLOADS

DATABASES = {"postgresql": "PostgreSQL", "sqlite": "SQLite", "mariadb": "MariaDB"}
ALIKE = (("join400", "join100"), ("items1000", "items100"))

INTRODUCTION = """\
# Performance

<!-- Made by server/benchmarks/report.py; change that, or run it with new results. -->

All figures are of whole servers over HTTP with durable commits: no option of the database was weakened, and every
execution was checked after its run. They were measured {conditions}: {machine}.
"""

ALONE = """
## Tasks a second

Eight requests at once by a client on the same machine, one server process. The first row is the median time
of one workflow at a time, from the request that starts it until it is seen as ended.
"""

COMPARED = """
## Beside OpenStack Mistral

Both servers on the same {database}, in turn, workload by workload, in one run. The ratio says how many times faster this
server is (in the first row: how many times shorter the wait is); the aim is what the project holds itself to. "client" says
for how much of this server's time the measuring program itself was computing, on one of the processors: near 100 % it is the limit.
Where it makes a request for each task, "at most" is the ratio of a server that answers at once with canned bytes, and does nothing: what is
beyond it can't be measured with this program on this machine.
"""

GROWTH = """
## Growth

The seconds of one execution against its tasks, with what the start and the end of an execution cost by themselves, which is
most of it where there are few. Nothing is loaded, copied or looked through as a whole for each task.
"""

STEPS = """
## Actions that are not pure

Chains of ten `std.sleep seconds=0`, sixty at once: each action is committed before it is run, runs outside the
decision, and its result is committed.
"""

DBOS = "DBOS, beside it on the same database, is a library that checkpoints the steps of Python functions.\n"

PLAYBOOKS = """
## Playbooks

A playbook of one task that does nothing, on one local host, as an action and with `ansible-playbook` by hand, in turn; and twenty of
them, of which ten run at once.
"""

IDLE = """
## Doing nothing

On an SQLite file; the list calls are medians over the API.
"""

START = """
## Starting

On an SQLite file, from the start of the process: the first start makes the tables, and its first list of actions reads the OpenStack
actions from openstacksdk; later starts find their descriptions in a file. The other rows are medians.
"""

REASONS = """
## Where the speed comes from

- What waits together is decided together and shares one commit; a lone request is decided and committed at once.
- Pure actions (`std.noop`, `std.echo` and the like) run inside the decision, so that a chain of them needs no commit of its own
  for each.
- Executions stay in memory between two events; what another process changed is noticed by the version at the commit.
- A task writes the columns that changed. Context is stored as what was published, and a big value once.
- Everyday expressions are compiled to closures over the data where it lies; the rest goes to YAQL with the same results.
- A request that waits for a decision holds no thread, and the statements of reads are put together once.

Tests count the statements, rows and bytes that a task costs (`server/tests/engine/test_engine_costs.py`,
`server/tests/store/test_statements.py`) and the rows that a list reads (`server/tests/store/test_scale.py`), so none of it can
get worse unnoticed.
"""

COMMANDS = """
## Measure it yourself

On a machine that does nothing else, from a checkout (`make venv` first). `make bench` runs everything on SQLite. For the
figures of this page, with a database of PostgreSQL, another one for DBOS, and the package `dbos` in the same environment:

```
.venv/bin/python server/benchmarks/run.py --json results.json --svg docs/scaling.svg \\
    --database-url postgresql://USER@HOST/DATABASE --dbos postgresql+psycopg://USER@HOST/ANOTHER
.venv/bin/python server/benchmarks/report.py results.json --conditions "on an otherwise idle machine" > docs/performance.md
```

Beside another server that speaks the Mistral v2 API, both running already and allowed to call 127.0.0.2:

```
.venv/bin/python server/benchmarks/bench_server.py --url http://127.0.0.1:8989 --vs http://127.0.0.1:8990 \\
    --name postgresql --json results.json
```
"""


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; all columns but the first are numbers."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines) + "\n"


def number(value: float) -> str:
    """With as many digits as mean something."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def figure(row: Mapping[str, Any] | None) -> str:
    """Milliseconds or tasks a second."""
    if row is None:
        return ""
    return f"{number(row['ms'])} ms" if "ms" in row else number(row["rate"])


def alone(results: Mapping[str, Any]) -> str:
    """Our figures on each database, and how a task's cost grows."""
    kinds = [kind for kind in DATABASES if kind in results]
    head = ("workload", "", *(DATABASES[kind] for kind in kinds))
    rows = [
        (f"`{one.name}`", one.about, *(figure(results[kind].get(one.name)) for kind in kinds))
        for one in (SINGLE, *WORKLOADS) if any(one.name in results[kind] for kind in kinds)
    ]
    for large, small in ALIKE:
        costs = [_growth(results[kind], large, small) for kind in kinds]
        if any(costs):
            rows.append((f"`{large}` / `{small}`", "cost of a task, aimed at 1.3 at most", *costs))
    return ALONE + "\n" + table(head, rows)


def _growth(figures: Mapping[str, Any], large: str, small: str) -> str:
    return f"{figures[small]['rate'] / figures[large]['rate']:.2f}" if large in figures and small in figures else ""


def compared(kind: str, figures: Mapping[str, Any]) -> str:
    """The ratios to the other server."""
    rows = [
        (f"`{one.name}`", one.about, figure(row), figure(row["other"]), f"{number(row['ratio'])}x", f"{row['bar']}x",
         f"{row['client']} %" if "client" in row else "", f"{number(row['most'])}x" if "most" in row else "")
        for one in (SINGLE, *WORKLOADS) if "other" in (row := figures.get(one.name, {}))
    ]
    head = ("workload", "", "Maestrale", "Mistral", "ratio", "aim", "client", "at most")
    return COMPARED.format(database=DATABASES[kind]) + "\n" + table(head, rows) if rows else ""


def growth(lines: Mapping[str, Sequence[Sequence[float]]], picture: str) -> str:
    """Microseconds a task by their number."""
    sizes = sorted({size for line in lines.values() for size, _ in line})
    rows = [(shape, *(_cost(dict(map(tuple, line)), size) for size in sizes)) for shape, line in lines.items()]  # type: ignore[arg-type]
    shown = f"\n![Seconds of one execution against its tasks]({picture})\n" if picture else ""
    return GROWTH + shown + "\n" + table(("microseconds a task", *(f"{size:,.0f}" for size in sizes)), rows)


def _cost(line: Mapping[float, float], size: float) -> str:
    return f"{line[size] / size * 1e6:,.0f}" if size in line else ""


def steps(found: Mapping[str, Mapping[str, float]]) -> str:
    """Non-pure chains."""
    rows = [(name, f"{number(row['ms'])} ms", number(row["rate"])) for name, row in found.items()]
    return STEPS + (DBOS if "dbos" in found else "") + "\n" + table(("", "one step", "steps/s"), rows)


def idle(found: Mapping[str, Any]) -> str:
    """What nothing costs."""
    rows = [
        ("from its start until it answers", f"{found['seconds to start']} s"),
        ("resident memory", f"{found['MB']} MB"),
        ("share of a processor", f"{found['percent']} %"),
        (f"the same with {found['waiting']:,} executions that wait", f"{found['percent waiting']} %"),
    ]
    rows += [(f"list, {name}", f"{ms} ms") for name, ms in found["lists"].items()]
    beside = f"beside {found['finished']:,} finished executions"
    rows += [(f"list, {name}, {beside}", f"{ms} ms") for name, ms in found["lists finished"].items()]
    return IDLE + "\n" + table(("", ""), rows)


def start(found: Mapping[str, Mapping[str, float]]) -> str:
    """The first start and later ones."""
    names = {
        "seconds": "until it answers", "processor": "processor time of these", "MB": "resident memory",
        "first list": "the first list of actions", "MB listed": "resident memory then",
    }
    rows = [(text, *(f"{found[kind][name]} {'MB' if name.startswith('MB') else 's'}" for kind in ("first", "again")))
            for name, text in names.items()]
    return START + "\n" + table(("", "first start", "later"), rows)


def playbooks(found: Mapping[str, float]) -> str:
    """What a playbook costs as an action."""
    rows = [
        ("one", f"{found['action']} ms", f"{found['by hand']} ms"),
        ("twenty", f"{found['seconds of 20']} s", f"{found['seconds of 20 by hand']} s"),
    ]
    more = f"\nThe median of the differences of one is {found['more']} ms.\n"
    return PLAYBOOKS + "\n" + table(("", "as an action", "by hand"), rows) + more


def main() -> None:
    """Print the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results")
    parser.add_argument("--conditions", required=True, help="what else the machine did, e.g. 'on an otherwise idle machine'")
    parser.add_argument("--picture", default="scaling.svg", help="of bench_scaling.py, as the page finds it")
    given = parser.parse_args()
    results = json.loads(Path(given.results).read_text())
    parts = [INTRODUCTION.format(conditions=given.conditions, machine=results["machine"]), alone(results)]
    parts += [compared(kind, results[kind + BESIDE]) for kind in DATABASES if kind + BESIDE in results]
    if "scaling" in results:
        parts.append(growth(results["scaling"], given.picture))
    if "steps" in results:
        parts.append(steps(results["steps"]))
    if "playbooks" in results:
        parts.append(playbooks(results["playbooks"]))
    if "start" in results:
        parts.append(start(results["start"]))
    if "idle" in results:
        parts.append(idle(results["idle"]))
    sys.stdout.write("".join([*parts, REASONS, COMMANDS]))


if __name__ == "__main__":
    main()
