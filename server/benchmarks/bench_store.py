"""Figures of the store: rows a second in shared commits, latency of a lone one, loads, lists over many executions.

    python benchmarks/bench_store.py [--url postgresql://...] [--executions 100000] [--rows 1000]

The database has to be empty; its tables are created. Without ``--url`` a new SQLite file is used. Each line is a
median over several rounds; run it on an otherwise idle machine.
"""

# ruff: noqa: INP001, T201, DTZ001, B023 - a script that prints, with naive times as the store has them, whose closures run at once

from __future__ import annotations

import argparse
import cProfile
import pstats
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import count

from sqlalchemy import text

from maestrale.core.model import Attempt, Execution, Job, Record, Task
from maestrale.store import EVERYTHING, Batch, Changeset, Database, Executions, Scope, Where, list_, upgrade

NOW = datetime(2026, 1, 1, 12, 0, 0, 123456)
PROJECT = "b1946ac92492d2347c6235b4d2611184"
_numbers = count(1)


def tick() -> datetime:
    """A time later than the one before, as rows have it."""
    return NOW + timedelta(microseconds=50 * next(_numbers))


def new_id() -> str:
    """An id that looks like a UUID and, like those, is spread over the index."""
    number = next(_numbers)
    return f"{(number * 2654435761) % 2**32:08x}-{number % 65536:04x}-4000-8000-{number:012x}"


def new_execution(number: int, state: str = "RUNNING", root: str | None = None, workflow: str = "nightly_backup") -> Execution:
    """An execution of the usual size."""
    at = NOW + timedelta(milliseconds=number)
    return Execution(
        id=new_id(), created_at=at, updated_at=at, project_id=PROJECT, workflow_id="7eb79ffe-6b1e-4ac7-9d1b-1f8f9ad4c0de",
        workflow_name=workflow, spec_digest="d" * 40, description="", tags=[], state=state, input={"host": "h1", "retries": 3},
        params={"namespace": "", "env": {}}, context={"__execution": {"id": "x"}, "vars": {"a": 1}}, output={}, root_execution_id=root,
        runtime={"ordinal": 4}, security={"project_id": PROJECT, "roles": ["member"]}, started_at=at,
        finished_at=None if state == "RUNNING" else at,
    )


def new_task(parent: Execution, number: int) -> Task:
    """A running task."""
    at = tick()
    return Task(
        id=new_id(), created_at=at, updated_at=at, execution_id=parent.id, ordinal=number, project_id=PROJECT, name=f"step_{number}",
        type="ACTION", state="RUNNING", runtime_context={"triggered_by": [{"task_id": "x", "event": "on-success"}]}, started_at=NOW,
    )


def new_attempt(task: Task) -> Attempt:
    """Its running action."""
    at = tick()
    return Attempt(
        id=new_id(), created_at=at, updated_at=at, execution_id=task.execution_id, task_id=task.id, ordinal=task.ordinal + 1,
        project_id=PROJECT, name="std.http", state="RUNNING", input={"url": "http://example.org/x", "method": "GET"},
        runtime_context={"index": 0, "safe_rerun": False},
    )


def complete(task: Task, attempt: Attempt) -> None:
    """Both come to a good end."""
    attempt.set(state="SUCCESS", output={"result": {"status": 200, "content": "x" * 100}}, accepted=True, updated_at=NOW)
    task.set(state="SUCCESS", published={"code": 200}, processed=True, next_tasks=[], updated_at=NOW, finished_at=NOW)


def clean(records: Sequence[Record]) -> None:
    """As a snapshot does after a commit."""
    for record in records:
        record.stored = True
        record.dirty.clear()


def timed(work: Callable[[], object]) -> float:
    """Seconds that ``work`` takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def say(what: str, seconds: Sequence[float], rows: int = 0) -> None:
    """One line of figures."""
    middle = statistics.median(seconds)
    rate = f"{rows / middle:10,.0f} rows/s" if rows else " " * 17
    print(f"{what:<58} {middle * 1000:10.2f} ms {rate}", flush=True)


def bulk(store: Executions, rows: int, rounds: int = 7) -> None:
    """Tasks with their actions, inserted and then completed, in one commit each."""
    inserts, updates, encoding = [], [], []
    for number in range(rounds):
        parent = new_execution(number)
        store.commit(Batch([Changeset(parent, 0)]))
        clean([parent])
        tasks = [new_task(parent, one) for one in range(rows // 2)]
        attempts = [new_attempt(task) for task in tasks]
        batch = Batch([Changeset(parent, 1, tasks, attempts)])
        encoding.append(timed(lambda batch=batch: store.plan(batch)))
        inserts.append(timed(lambda batch=batch: store.commit(batch)))
        clean([parent, *tasks, *attempts])
        for task, attempt in zip(tasks, attempts, strict=True):
            complete(task, attempt)
        updates.append(timed(lambda parent=parent, tasks=tasks, attempts=attempts: store.commit(
            Batch([Changeset(parent, 2, tasks, attempts)]))))
    say(f"insert {rows} rows in a commit", inserts, rows)
    say(f"update {rows} rows in a commit", updates, rows)
    say("  of which encoding, inserts", encoding, rows)


def many(store: Executions, executions: int, rounds: int = 7) -> None:
    """A commit that takes one step in each of many executions: the shape of a busy server."""
    steps = []
    for number in range(rounds):
        parents = [new_execution(number) for _ in range(executions)]
        tasks = [new_task(parent, 1) for parent in parents]
        attempts = [new_attempt(task) for task in tasks]
        store.commit(Batch([Changeset(one, 0, [task], [attempt]) for one, task, attempt in zip(parents, tasks, attempts, strict=True)]))
        clean([*parents, *tasks, *attempts])
        changes = []
        for parent, task, attempt in zip(parents, tasks, attempts, strict=True):
            complete(task, attempt)
            following = new_task(parent, 3)
            changes.append(Changeset(parent.set(updated_at=NOW), 1, [task, following], [attempt, new_attempt(following)]))
        steps.append(timed(lambda changes=changes: store.commit(Batch(changes))))
    say(f"a step in each of {executions} executions, one commit", steps, executions * 5)


def lone(store: Executions, rounds: int = 60) -> None:
    """One step of one execution with a commit of its own."""
    times = []
    parent = new_execution(1)
    task = new_task(parent, 1)
    attempt = new_attempt(task)
    store.commit(Batch([Changeset(parent, 0, [task], [attempt])]))
    for version in range(1, rounds + 1):
        clean([parent, task, attempt])
        complete(task, attempt)
        following = new_task(parent, version)
        action = new_attempt(following)
        job = Job(id=new_id(), kind="message", execution_id=parent.id, due_at=NOW, payload={"type": "Continue"}, created_at=NOW)
        batch = Batch([Changeset(parent.set(updated_at=NOW), version, [task, following], [attempt, action])], new_jobs=[job])
        times.append(timed(lambda batch=batch: store.commit(batch)))
        task, attempt = following, action
    say("a lone commit: 3 updates, 3 inserts", times)


def loads(store: Executions, sizes: Sequence[int] = (1, 10, 1000, 10_000)) -> None:
    """Loading an execution with everything below it, and refreshing it after one change."""
    for size in sizes:
        parent = new_execution(size)
        tasks = [new_task(parent, one) for one in range(size)]
        attempts = [new_attempt(task) for task in tasks]
        store.commit(Batch([Changeset(parent, 0, tasks, attempts)]))
        clean([parent, *tasks, *attempts])
        store.commit(Batch([Changeset(parent, 1, [tasks[0].set(processed=True)])]))
        with store.database.read() as conn:
            say(f"load an execution of {size} tasks", [timed(lambda: store.load(conn, parent.id)) for _ in range(5)], size * 2)
            say("  refresh it", [timed(lambda: store.refresh(conn, parent.id, 1)) for _ in range(5)])
    with store.database.write() as conn:
        say(f"delete an execution of {sizes[-1]} tasks", [timed(lambda: store.delete_tree(conn, parent.id))])


def big_values(store: Executions) -> None:
    """A value of 10 MB that 20 tasks publish."""
    value = {"lines": ["x" * 100] * 100_000}
    parent = new_execution(1)
    parent.input = value
    first = timed(lambda: store.commit(Batch([Changeset(parent, 0)])))
    clean([parent])
    again = []
    for version in range(1, 21):
        task = new_task(parent, version)
        task.published = value
        again.append(timed(lambda version=version, task=task: store.commit(Batch([Changeset(parent, version, [task])]))))
    say("commit a value of 10 MB", [first])
    say("  publish it once more", again)


def lists(database: Database, store: Executions, executions: int) -> None:
    """Lists as clients ask for them, over many finished executions."""
    began = time.perf_counter()
    for start in range(0, executions, 500):
        changes = []
        for number in range(start, min(start + 500, executions)):
            state = "RUNNING" if number % 10_000 == 77 else ("SUCCESS", "SUCCESS", "SUCCESS", "ERROR")[number % 4]
            parent = new_execution(number, state, root=None if number % 3 else "root", workflow=f"wf_{number % 7}")
            changes.append(Changeset(parent, 0, [new_task(parent, 1)], []))
        store.commit(Batch(changes))
    print(f"({executions} executions stored in {time.perf_counter() - began:.0f} s)")
    unfinished = Where("state", "in", ("RUNNING", "IDLE", "DELAYED", "PAUSED"))
    queries: dict[str, dict[str, object]] = {
        "first page": {},
        "newest first": {"sort": [("created_at", True)]},
        "unfinished": {"filters": [unfinished]},
        "none such state": {"filters": [Where("state", "eq", "PAUSED")]},
        "by workflow": {"filters": [Where("workflow_name", "eq", "wf_3")]},
        "by workflow and state": {"filters": [Where("workflow_name", "eq", "wf_3"), Where("state", "eq", "RUNNING")]},
        "unknown workflow": {"filters": [Where("workflow_name", "eq", "nope")]},
        "roots, newest first": {"nulls": ["root_execution_id"], "sort": [("created_at", True)]},
        "children of one": {"filters": [Where("root_execution_id", "eq", "nobody")]},
        "since a time": {"filters": [Where("created_at", "gte", NOW + timedelta(milliseconds=executions - 50))]},
        "errors, newest first": {"filters": [Where("state", "eq", "ERROR")], "sort": [("created_at", True)]},
    }
    for scope, name in ((EVERYTHING, "administrator"), (Scope(PROJECT), "project"), (Scope("stranger"), "stranger")):
        with database.read() as conn:
            for what, options in queries.items():
                run = lambda options=options, scope=scope: list_(conn, "executions", scope, limit=100, **options)  # noqa: E731
                say(f"list, {name}: {what}", [timed(run) for _ in range(5)])
            if scope != Scope("stranger"):
                page = list_(conn, "executions", scope, limit=1, sort=[("created_at", True)], filters=[Where("state", "eq", "ERROR")])
                marker = page[0]["id"]
                say(f"list, {name}: after a marker", [timed(lambda: list_(conn, "executions", scope, limit=100, marker=marker))])
            say(f"list, {name}: tasks", [timed(lambda scope=scope: list_(conn, "tasks", scope, limit=100)) for _ in range(5)])
            by_name = [Where("workflow_name", "eq", "nope")]
            say(f"list, {name}: tasks, unknown workflow", [timed(lambda: list_(conn, "tasks", scope, limit=100, filters=by_name))])


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="")
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--executions", type=int, default=0, help="also measure lists over this many")
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = options.url or f"sqlite:///{folder}/bench.db"
        upgrade(url)
        database = Database(url)
        store = Executions(database)
        with database.read() as conn:
            conn.execute(text("SELECT 1"))
        profile = cProfile.Profile()
        if options.profile:
            profile.enable()
        bulk(store, options.rows)
        bulk(store, 100, rounds=20)
        many(store, 100)
        lone(store)
        if options.profile:
            profile.disable()
            pstats.Stats(profile).sort_stats("tottime").print_stats(25)
        loads(store)
        big_values(store)
        if options.executions:
            lists(database, store, options.executions)
        database.close()


if __name__ == "__main__":
    main()
