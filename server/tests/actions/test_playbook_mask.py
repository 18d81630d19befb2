"""Secrets in the ways in which Ansible may print them."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from maestrale.actions.playbook_mask import MASK, Masker

QUOTED = "pl'ant\"ed: \\ sec#ret"
WORDS = "correct horse battery staple"
# what stands in a line of a file; YAML can't hold some others at all
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn", "Zl", "Zp"), exclude_characters="\ufeff"), min_size=8)


def ansible_yaml(value: Any, *, allow_unicode: bool = True) -> str:
    """As the default callback does."""
    return yaml.dump(value, allow_unicode=allow_unicode, default_flow_style=False, indent=4)


@pytest.mark.parametrize("secret", [QUOTED, "ä€öPLANTED", "tab\there", "null\0byte", "\x1b[31mred"])
@pytest.mark.parametrize("written", [
    str, repr, json.dumps, lambda text: json.dumps(json.dumps(text)), ansible_yaml, lambda text: ansible_yaml(text, allow_unicode=False),
    lambda text: ansible_yaml([f"x{text}y"]), lambda text: ansible_yaml({"msg": json.dumps({"k": text})}),
])
def test_a_secret_is_masked_in_each_notation(secret: str, written: Any) -> None:
    masked = Masker([secret])(written(secret))
    assert MASK in masked
    assert secret[-4:] not in masked


@pytest.mark.parametrize("before", range(0, 90, 7))
@pytest.mark.parametrize("odd", ["", "'", "\0", "\u2028"])
def test_words_of_a_secret_are_masked_wherever_a_line_is_folded_between_them(before: int, odd: str) -> None:
    masked = Masker([WORDS])(ansible_yaml({"msg": f"{odd}{'x ' * (before // 2)}{WORDS} {'y ' * 60}"}))
    assert MASK in masked
    assert not any(word in masked for word in WORDS.split())


@given(TEXTS)
def test_no_secret_of_a_line_stays_in_yaml(secret: str) -> None:
    text = ansible_yaml({"k": f"<{secret}>"})
    if len(secret.strip()) >= 8:
        assert MASK in Masker([secret])(text)


def test_lines_that_only_look_alike_stay() -> None:
    text = "correct\nhorse\nbattery\nradio"
    assert Masker([WORDS])(text) == text
