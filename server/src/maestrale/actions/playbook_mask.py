"""How a secret may be written where a playbook prints it, and its replacement there. Pure, and standard library only.

Ansible shows values as JSON, as Python would, or as YAML (``callback_result_format = yaml``). YAML doubles single quotes, and folds long
lines at blanks, so a secret of several words may come in several lines.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

MASK = "********"
_SHORTEST = 3
_BLANKS = re.compile(r"[ \t]+")
# a double-quoted text has a backslash before the fold, and one after it where blanks follow
_FOLDED = r"(?:\s+|\s*\\\r?\n\s*\\?\s*)"
_YAML_NAMES = {
    "\0": "0", "\a": "a", "\b": "b", "\t": "t", "\v": "v", "\f": "f", "\r": "r", "\x1b": "e", '"': '"', "\\": "\\",
    "\x85": "N", "\xa0": "_", "\u2028": "L", "\u2029": "P",
}


class Masker:
    """Replaces secret texts wherever they appear in a value."""

    def __init__(self, secrets: Iterable[str]) -> None:
        lines = {line.strip() for secret in secrets for line in (secret, *secret.splitlines())}
        forms = {form for line in lines for form in _written_forms(line) if len(form) >= _SHORTEST}
        self._forms = sorted(forms, key=len, reverse=True)
        self._folded = [_folded(form) for form in self._forms if _BLANKS.search(form)]

    def __call__(self, value: Any) -> Any:
        """The value with every secret in its texts masked, keys included."""
        if not self._forms:
            return value
        if isinstance(value, str):
            return self._masked(value)
        if isinstance(value, Mapping):
            return {self(key): self(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self(item) for item in value]
        return value

    def _masked(self, text: str) -> str:
        for form in self._forms:
            text = text.replace(form, MASK)
        if "\n" in text:
            for pattern in self._folded:
                text = pattern.sub(MASK, text)
        return text


def _folded(form: str) -> re.Pattern[str]:
    return re.compile(_FOLDED.join(re.escape(word) for word in _BLANKS.split(form)))


def _written_forms(text: str) -> set[str]:
    """The text in all the ways; the forms of other notations may stand in a single-quoted text of YAML, too."""
    once = json.dumps(text)[1:-1]
    forms = {text, once, json.dumps(once)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], repr(text)[1:-1]}
    forms |= {_double_quoted(text, is_ascii=False), _double_quoted(text, is_ascii=True)}
    return forms | {form.replace("'", "''") for form in forms}


def _double_quoted(text: str, *, is_ascii: bool) -> str:
    """The text between the double quotes of YAML."""
    return "".join(_escaped(sign, is_ascii=is_ascii) for sign in text)


def _escaped(sign: str, *, is_ascii: bool) -> str:
    if sign in _YAML_NAMES:
        return f"\\{_YAML_NAMES[sign]}"
    if " " <= sign <= "~" or (not is_ascii and sign.isprintable()):
        return sign
    number = ord(sign)
    return f"\\x{number:02X}" if number <= 0xFF else f"\\u{number:04X}" if number <= 0xFFFF else f"\\U{number:08X}"
