"""What became of it: every execution against what its shape may come to and against the requests at the sink."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from storm.client import Client, NoReplyError
from storm.load import Load, Run
from storm.shapes import LOST, too_early
from storm.sink import Sink

OPEN = ("RUNNING", "PAUSED", "IDLE")


@dataclass
class Figures:
    """Counts of executions, and a line for each that isn't right."""

    executions: int = 0
    children: int = 0
    lost: int = 0
    stuck: int = 0
    wrong: int = 0
    double: int = 0
    fired: int = 0
    ended: Counter[str] = field(default_factory=Counter)
    lines: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether nothing is lost, stuck, wrong or double."""
        return not (self.lost or self.stuck or self.wrong or self.double)


def wait_for_the_end(client: Client, patience: float) -> None:
    """Until no execution is open any more, at most ``patience`` seconds.

    Looked at twice: a cron trigger that was found due when it was deleted may fire once more.
    """
    deadline, quiet = time.monotonic() + patience, 0
    while time.monotonic() < deadline and quiet < 2:
        try:
            is_open = any(client.list("executions", patience=5, state=state, fields="id") for state in OPEN)
        except NoReplyError:
            is_open = True
        quiet = 0 if is_open else quiet + 1
        time.sleep(1)


@dataclass
class Audit:
    """See the module."""

    client: Client
    sink: Sink
    load: Load
    figures: Figures = field(default_factory=Figures)

    def run(self) -> Figures:
        """Look at everything."""
        stored = {one["id"]: one for one in self.client.list("executions", fields="id,state,description,task_execution_id")}
        attempts = self._attempts()
        self._double(attempts)
        known = {run.execution_id: run for run in self.load.runs if run.execution_id}
        by_path = {run.path: run for run in self.load.runs}
        for run in self.load.runs:
            self._promise(run, stored)
        for execution_id, row in stored.items():
            self.figures.ended[row["state"]] += 1
            if row["state"] in OPEN:
                self._say("stuck", f"{execution_id} is {row['state']}: {self.client.ask('GET', f'/v2/executions/{execution_id}').body}")
                continue
            if row["task_execution_id"]:
                self.figures.children += 1
                continue
            self.figures.executions += 1
            run_of = known.get(execution_id) or by_path.get(row["description"] or "")
            if run_of is not None:
                self._judge(run_of, execution_id)
        self._triggers(stored)
        for oddity in self.load.oddities:
            self._say("wrong", oddity)
        return self.figures

    def _say(self, kind: str, line: str) -> None:
        setattr(self.figures, kind, getattr(self.figures, kind) + 1)
        self.figures.lines.append(f"{kind}: {line}")

    def _promise(self, run: Run, stored: dict[str, Any]) -> None:
        if run.promised and run.execution_id not in stored:
            self._say("lost", f"{run.execution_id} ({run.shape.name}) was answered 201 and is not there")
        if run.unexpected:
            self._say("wrong", f"{run.path} ({run.shape.name}): {run.unexpected}")

    def _triggers(self, stored: dict[str, Any]) -> None:
        """A trigger that fires each minute has fired, and not more often than minutes have begun."""
        for name, ticking in self.load.triggers.items():
            fired = sum(f'"{name}"' in (row["description"] or "") for row in stored.values())
            self.figures.fired += fired
            if fired > ticking.deleted - ticking.made:
                self._say("double", f"the cron trigger {name} fired {fired} times in {ticking.deleted - ticking.made} minutes")
            elif not fired and ticking.in_time > ticking.made:
                self._say("lost", f"the cron trigger {name} has not fired")

    # ---- effects

    def _attempts(self) -> dict[str, list[dict[str, Any]]]:
        """Action executions by the sink's path that they called."""
        found: dict[str, list[dict[str, Any]]] = {}
        for one in self.client.list("action_executions", fields="id,name,state,input"):
            url = str(_data(one["input"]).get("url", ""))
            if url.startswith(self.sink.url):
                found.setdefault(urlsplit(url).path, []).append({**one, "url": url})
        return found

    def _double(self, attempts: dict[str, list[dict[str, Any]]]) -> None:
        """An action that isn't safe to repeat is run once per action execution at most; a success was run."""
        for path, of_path in attempts.items():
            hits = len(self.sink.hits(path))
            safe = "safe=1" in of_path[0]["url"]
            if hits > len(of_path) and not safe:
                self._say("double", f"{path} was called {hits} times by {len(of_path)} action executions")
            if any(one["state"] == "SUCCESS" and one["name"] == "std.http" for one in of_path) and not hits:
                self._say("wrong", f"{path} is said to have been called and was not")

    # ---- ends

    def _judge(self, run: Run, execution_id: str) -> None:
        found = self.client.ask("GET", f"/v2/executions/{execution_id}").body
        for problem in self._problems(run, found):
            self._say("wrong", f"{execution_id} ({run.shape.name}, {run.path}): {problem}")

    def _problems(self, run: Run, found: dict[str, Any]) -> Iterator[str]:
        shape, state, info, output = run.shape, found["state"], found["state_info"] or "", _data(found["output"])
        yield from too_early(shape, run.path, self.sink)
        if state == "ERROR" and shape.unsafe and LOST in info:
            return
        if state != shape.final:
            yield f"ended {state}: {info}"
        elif shape.needs == "completion":
            yield from self._completions(found["id"], output)
        elif state == "SUCCESS" and output != shape.output(run.path):
            yield f"its output is {output}, expected {shape.output(run.path)}"

    def _completions(self, execution_id: str, output: dict[str, Any]) -> Iterator[str]:
        """What was believed is what was acknowledged, and only one."""
        tasks = self.client.ask("GET", f"/v2/executions/{execution_id}/tasks").body["tasks"]
        for task in tasks:
            for attempt in self.client.ask("GET", f"/v2/tasks/{task['id']}/action_executions").body["action_executions"]:
                one = self.client.ask("GET", f"/v2/action_executions/{attempt['id']}").body
                value = _data(one["output"]).get("result")
                said = self.load.acknowledged.get(one["id"], [])
                if len(said) > 1 or (said and value != {"by": said[0]}):
                    yield f"{one['id']} was completed with {value}, acknowledged were {said}"
                elif output.get(task["name"]) != value:
                    yield f"{task['name']} came to {value}, the output says {output}"


def _data(text: str | None) -> dict[str, Any]:
    """A mapping out of a field that holds JSON."""
    value = json.loads(text or "{}")
    return value if isinstance(value, dict) else {}
