# Copyright (c) 2026, The Maestrale contributors
# Apache License 2.0 (see LICENSE)
# SPDX-License-Identifier: Apache-2.0
"""Each example of the documentation runs as it stands there."""

from __future__ import annotations

import re

import pytest
from conftest import ROOT

EXAMPLES = sorted(path.parent.name for path in (ROOT / "docs" / "examples").glob("*/run.yml"))
PAGES = sorted((ROOT / "docs").glob("*.md"))
QUOTE = re.compile(r"<!-- (examples/[\w./-]+) -->\n+```\w*\n(.*?)```", re.DOTALL)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_runs(name, play):
    play(f"docs/examples/{name}/run.yml")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_quotes_the_examples_as_they_are(page):
    for path, text in QUOTE.findall(page.read_text()):
        content = (ROOT / "docs" / path).read_text().removeprefix("---\n")
        assert text.strip() in content, f"{page.name} does not quote {path} as it is"


def test_every_example_is_on_a_page():
    quoted = {path.split("/")[1] for page in PAGES for path, dummy in QUOTE.findall(page.read_text())}
    assert quoted == set(EXAMPLES)
