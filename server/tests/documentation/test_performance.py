"""The page of figures: made of results by the benchmarks' own script, with sections for what was measured only."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"

RESULTS = {
    "machine": "2 processors (x), Python 3.13.0, maestrale 0.1.0",
    "postgresql": {
        "single": {"executions": 100, "seconds": 0.9, "rate": 111.0, "ms": 4.04},
        "join100": {"executions": 8, "seconds": 0.2, "rate": 4000.0}, "join400": {"executions": 2, "seconds": 0.25, "rate": 3200.0},
    },
    "postgresql-beside": {
        "single": {
            "executions": 100, "seconds": 1.0, "rate": 100.0, "ms": 5.04, "other": {"ms": 113.0}, "ratio": 22.4, "bar": 10, "client": 37},
    },
}
MORE = {
    "scaling": {"join": [[10, 0.01], [10_000, 2.5]]},
    "steps": {"maestrale": {"ms": 8.0, "rate": 1500.0}, "dbos": {"ms": 16.0, "rate": 370.0}},
    "playbooks": {
        "by hand": 402, "action": 528, "more": 128, "rounds": 10, "seconds of 20": 7.6, "seconds of 20 by hand": 5.7},
    "start": {
        "first": {"seconds": 1.2, "processor": 1.1, "MB": 109.4, "first list": 0.32, "MB listed": 138.7},
        "again": {"seconds": 0.88, "processor": 0.86, "MB": 101.9, "first list": 0.17, "MB listed": 110.8},
    },
    "idle": {
        "seconds to start": 1.5, "MB": 90.0, "percent": 0.4, "waiting": 10_000, "percent waiting": 0.4, "MB waiting": 99.0,
        "lists": {"newest": 3.0}, "finished": 100_000, "lists finished": {"newest": 3.1},
    },
}


@pytest.fixture
def script(monkeypatch):
    if not BENCHMARKS.exists():
        pytest.skip("the benchmarks are not beside the tests here")
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module


def page(script, monkeypatch, capsys, tmp_path, results):
    path = tmp_path / "results.json"
    path.write_text(json.dumps(results))
    monkeypatch.setattr(sys, "argv", ["report.py", str(path), "--conditions", "on an idle machine"])
    script("report").main()
    return capsys.readouterr().out


def test_figures_of_the_results_stand_in_the_page(script, monkeypatch, capsys, tmp_path):
    text = page(script, monkeypatch, capsys, tmp_path, {**RESULTS, **MORE})

    assert "measured on an idle machine: 2 processors (x)" in text
    assert "| `single` | one no-op, one at a time: median latency | 4.04 ms |" in text
    assert "| 5.04 ms | 113 ms | 22.4x | 10x | 37 % |" in text
    assert "| `join400` / `join100` | cost of a task, aimed at 1.3 at most | 1.25 |" in text
    assert "| join | 1,000 | 250 |" in text
    assert "| until it answers | 1.2 s | 0.88 s |" in text
    assert "| resident memory then | 138.7 MB | 110.8 MB |" in text
    assert "| dbos | 16 ms | 370 |" in text
    assert "| one | 528 ms | 402 ms |" in text
    assert "differences of one is 128 ms" in text
    assert "| twenty | 7.6 s | 5.7 s |" in text
    assert "| list, newest, beside 100,000 finished executions | 3.1 ms |" in text


def test_what_was_not_measured_has_no_section(script, monkeypatch, capsys, tmp_path):
    text = page(script, monkeypatch, capsys, tmp_path, {"machine": "m", "sqlite": {"start": {"rate": 454.0}}})

    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        "## Tasks a second", "## Where the speed comes from", "## Measure it yourself",
    ]


def test_the_plot_is_a_picture_with_a_line_for_each_shape(script):
    picture = script("plot").plot("t", "x", "y", {"join": [(10, 0.01), (10_000, 2.5)], "chain": [(10, 0.02), (1000, 0.2)]})

    tags = [element.tag.rpartition("}")[2] for element in ET.fromstring(picture).iter()]
    assert tags.count("polyline") == 2
    assert tags.count("circle") == 4
