"""make check and make test: the steps, which tools they need, and one closing line for all of them.

    python tools/suite.py check|test [STEP ...]      all steps, or those whose names begin so
    python tools/suite.py list

A step's output goes to build/logs/STEP.log; what is shown is one line a step, and the end of the log of a failed one.
A step whose tool or service this machine doesn't have is left out and says so, or fails if MAESTRALE_TEST_REQUIRE names
what it needs (a comma list of: conformance, and what the server's tests know). MAESTRALE_TEST_JOBS (default: the
number of processors and one, since many a test waits) steps run at a time.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import summaries
from steps import ALL, LeftOut, Run, Step
from venvs import BUILD, VenvError

KINDS = ("check", "test", "list")
SHOWN_OF_A_FAILURE = 60


@dataclass
class Outcome:
    """How a step ended; counts are of tests where it runs tests, else 1."""

    step: Step
    seconds: float = 0.0
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    closing: str = ""


@dataclass
class Board:
    """Prints a line for each step that ended, from whichever thread."""

    lock: threading.Lock = field(default_factory=threading.Lock)

    def show(self, outcome: Outcome, log: Path) -> None:
        """One line; for a failure also the end of its log."""
        word = "FAILED" if outcome.failed else "left out" if outcome.skipped and not outcome.passed else "ok"
        with self.lock:
            print(f"{outcome.step.name:<24} {word:<9} {outcome.seconds:5.0f} s  {outcome.closing}", flush=True)
            if outcome.failed:
                lines = log.read_text(errors="replace").splitlines() if log.exists() else []
                print("".join(f"    {line}\n" for line in lines[-SHOWN_OF_A_FAILURE:]), end="", flush=True)


class Processes:
    """What is running, so that an interrupt ends all of it."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[bytes]] = set()

    def call(self, command: Sequence[str], *, cwd: Path, env: dict[str, str], log: Path) -> int:
        """Run a command with its output in the log; returns its exit status."""
        with log.open("ab") as output:
            output.write(f"$ {' '.join(command)}\n".encode())
            output.flush()
            process = subprocess.Popen(
                command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )
            self._running.add(process)
            try:
                return process.wait()
            finally:
                self._running.discard(process)

    def stop(self) -> None:
        """End everything that was started."""
        for process in list(self._running):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)


def perform(step: Step, processes: Processes) -> Outcome:
    """Run a step; never raises for what a step may run into."""
    log = BUILD / "logs" / f"{step.name}.log"
    log.unlink(missing_ok=True)
    begin = time.monotonic()
    outcome = Outcome(step)
    try:
        status = step.run(Run(processes.call, log))
    except LeftOut as reason:
        is_required = reason.what in required()
        outcome.failed, outcome.skipped = int(is_required), int(not is_required)
        outcome.closing = str(reason)
    except VenvError as error:
        log.write_text(f"{error}\n")
        outcome.failed, outcome.closing = 1, "its tools can't be installed"
    else:
        text = log.read_text(errors="replace") if log.exists() else ""
        counts = summaries.counts(text)
        outcome.passed, outcome.failed, outcome.skipped = counts or (int(not status), 0, 0)
        if status and not outcome.failed:
            outcome.failed = 1
        outcome.closing = summaries.closing_line(text, step.says)
    outcome.seconds = time.monotonic() - begin
    return outcome


def required() -> set[str]:
    """What must not be left out."""
    return set(filter(None, os.environ.get("MAESTRALE_TEST_REQUIRE", "").split(",")))


def run_all(steps: Sequence[Step]) -> list[Outcome]:
    """Run steps side by side, those that want the machine for themselves at the end."""
    (BUILD / "logs").mkdir(parents=True, exist_ok=True)
    processes, board, outcomes = Processes(), Board(), []
    jobs = int(os.environ.get("MAESTRALE_TEST_JOBS") or (os.cpu_count() or 1) + 1)
    try:
        for group, width in (([step for step in steps if not step.alone], jobs), ([step for step in steps if step.alone], 1)):
            for outcome in _side_by_side(group, width, lambda step: perform(step, processes)):
                board.show(outcome, BUILD / "logs" / f"{outcome.step.name}.log")
                outcomes.append(outcome)
    except KeyboardInterrupt:
        processes.stop()
        raise
    return outcomes


def _side_by_side(steps: Sequence[Step], width: int, call: Callable[[Step], Outcome]) -> Iterator[Outcome]:
    with concurrent.futures.ThreadPoolExecutor(width) as pool:
        futures = [pool.submit(call, step) for step in steps]
        try:
            for future in concurrent.futures.as_completed(futures):
                yield future.result()
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def main(arguments: Sequence[str]) -> int:
    """Run the steps and print the closing line."""
    kind, *names = arguments or ["test"]
    if kind not in KINDS:
        print(__doc__.strip())
        return 0 if kind in {"-h", "--help"} else 2
    steps = [step for step in ALL if kind in ("test", "list") or step.is_check]
    if names:
        steps = [step for step in ALL if step.name.startswith(tuple(names))]
    if kind == "list":
        print("\n".join(step.name for step in steps))
        return 0
    begin = time.monotonic()
    outcomes = run_all(steps)
    failed = [outcome.step.name for outcome in outcomes if outcome.failed]
    if failed:
        print(f"\nfailed: {', '.join(failed)} (logs in build/logs)")
    passed, broken, skipped = (sum(getattr(outcome, part) for outcome in outcomes) for part in ("passed", "failed", "skipped"))
    print(f"\n{len(outcomes)} steps in {time.monotonic() - begin:.0f} s")
    print(f"{passed} passed, {broken} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
