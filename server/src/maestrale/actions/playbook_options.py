"""From the inputs of ``ansible.playbook`` to options of its command line, made from typed inputs only."""

from __future__ import annotations

from collections.abc import Iterator

from maestrale.actions.playbook_inputs import Inputs, as_flag, as_text, as_texts, as_whole
from maestrale.errors import InputError

_LONG_LIMIT = 4000
_LISTS = ("tags", "skip_tags")
_FLAGS = ("check", "diff", "become", "flush_cache")
_TEXTS = {"start_at_task": "start-at-task", "remote_user": "user", "become_method": "become-method", "become_user": "become-user"}
_NUMBERS = {"forks": ("forks", 1000), "connection_timeout": ("timeout", 86_400)}


def options_of(inputs: Inputs, directory: str, files: dict[str, str]) -> list[str]:
    """The options; a limit that is too long for a command line goes to ``files``, for ``directory``. Raises InputError."""
    return [*_limit(inputs, directory, files), *_plain(inputs)]


def _plain(inputs: Inputs) -> Iterator[str]:
    for name in _LISTS:
        if texts := as_texts(name, getattr(inputs, name)):
            yield f"--{_dashed(name)}={','.join(texts)}"
    for name in _FLAGS:
        if as_flag(name, getattr(inputs, name)):
            yield f"--{_dashed(name)}"
    for name, option in _TEXTS.items():
        if (text := as_text(name, getattr(inputs, name))) is not None:
            yield f"--{option}={text}"
    for name, (option, most) in _NUMBERS.items():
        if (number := getattr(inputs, name)) is not None:
            yield f"--{option}={as_whole(name, number, 1, most)}"


def _dashed(name: str) -> str:
    return name.replace("_", "-")


def _limit(inputs: Inputs, directory: str, files: dict[str, str]) -> Iterator[str]:
    limit = ",".join(as_texts("limit", inputs.limit))
    if not limit:
        return
    if "@" in limit:
        raise InputError("limit takes hosts, groups and patterns, and no files.")
    if len(limit) > _LONG_LIMIT:
        files["limit"] = limit.replace(",", "\n")
        limit = f"@{directory}/limit"
    yield f"--limit={limit}"
