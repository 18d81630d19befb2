"""The page of options is what the options are."""

from __future__ import annotations

from pathlib import Path

import pytest

from maestrale.config import Settings
from maestrale.config_reference import reference

PAGE = Path(__file__).parents[3] / "docs" / "configuration.md"


def test_the_page_of_options_is_up_to_date():
    if not PAGE.exists():
        pytest.skip("the documentation is not beside the server here")

    assert PAGE.read_text() == reference(), "run: python -m maestrale.config_reference > docs/configuration.md"


def test_every_option_has_a_meaning():
    rows = [line for line in reference().splitlines() if line.startswith("| `")]

    assert len(rows) > len(Settings.model_fields)
    assert not [row for row in rows if row.rstrip().endswith("|  |")]
