"""What one evaluation may cost: the operator's options, the hard ceilings, and the meter that counts.

OpenStack Mistral sets no limit by default, so a single expression can occupy an engine for ever (H91). Here every
evaluation is bounded, by counting and never by a clock, so the same expression on the same data always ends the same
way. The ceilings lie far above what a workflow can store; they are fields of ``Options``, so an operator may move them.

Knows nothing of the two languages.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sized
from dataclasses import dataclass
from typing import Any

LANGUAGES = ("jinja", "yaql")
"""Names of the expression languages, in the order in which a text is looked at (2.1)."""


class LimitExceededError(Exception):
    """An evaluation would cost more than a ceiling allows; the text names the ceiling."""


@dataclass(frozen=True, slots=True)
class Options:
    """How expressions are evaluated: ``[expressions]`` and ``[yaql]`` of Mistral (2.7.1), then the ceilings.

    ``limit_iterators`` (elements) and ``memory_quota`` (bytes) are Mistral's, -1 for none; where they are off, or
    looser than the ceilings, the ceilings hold.

    The ceilings, for one evaluation of one expression:

    * ``max_expression_length``: characters of an expression's text;
    * ``max_elements``: elements that one iterator may give, one collection may have, and a result has in all;
    * ``max_memory``: bytes that one value may take, and that all values made on the way may take together;
    * ``max_steps``: passes of loops, and calls, each of which counts as several;
    * ``max_integer_bits``: size of an integer (Python refuses to write one of more than 4,300 digits anyway);
    * ``max_text_length``: characters of a text that an operator or a function makes, and of all texts of a result;
    * ``max_document_length``: characters that ``yaml_parse`` reads, a quarter of that where ``&``, ``*``, ``@`` or a
      fault are in the text, as those take the slower of two parsers;
    * ``max_depth``: levels that a document, a result, or lists made on the way may nest;
    * ``max_regex_work``: estimated steps of a regular expression's search (see ``regex``).
    """

    allowed_languages: tuple[str, ...] = LANGUAGES
    limit_iterators: int = -1
    memory_quota: int = -1
    convert_input_data: bool = True
    convert_output_data: bool = True
    convert_tuples_to_lists: bool = True
    convert_sets_to_lists: bool = False
    iterable_dicts: bool = False
    keyword_operator: str = "=>"
    allow_delegates: bool = False
    max_expression_length: int = 100_000
    max_elements: int = 1_000_000
    max_memory: int = 256 * 1024 * 1024
    max_steps: int = 4_000_000
    max_integer_bits: int = 14_000
    max_text_length: int = 64 * 1024 * 1024
    max_document_length: int = 4 * 1024 * 1024
    max_depth: int = 200
    max_regex_work: int = 10_000_000_000

    def __post_init__(self) -> None:
        """Refuse what Mistral refuses to start with. Raises ValueError."""
        if self.convert_input_data and not self.convert_output_data:
            raise ValueError("convert_output_data can't be switched off while convert_input_data is on")

    @property
    def element_limit(self) -> int:
        """Elements that an iterator may give: the tighter of the option and the ceiling."""
        return self.max_elements if self.limit_iterators < 0 else min(self.limit_iterators, self.max_elements)

    @property
    def memory_limit(self) -> int:
        """Bytes for one value: the tighter of the option and the ceiling."""
        return self.max_memory if self.memory_quota <= 0 else min(self.memory_quota, self.max_memory)


DEFAULT = Options()


_LEAVES = frozenset({str, int, float, bool, type(None)})
_UNKNOWN: tuple[int, int, Any] = (1, 1, None)


class Meter:
    """Counts what one evaluation has cost so far and stops it at a ceiling."""

    __slots__ = ("made", "nested", "options", "steps")

    def __init__(self, options: Options) -> None:
        self.options = options
        self.steps = options.max_steps
        self.made = options.max_memory
        self.nested: dict[int, tuple[int, int, Any]] = {}

    def step(self, count: int = 1) -> None:
        """Account for ``count`` calls or loop passes. Raises LimitExceededError."""
        self.steps -= count
        if self.steps < 0:
            raise LimitExceededError(f"Evaluation takes more than {self.options.max_steps} steps")

    def make(self, value: Any) -> None:
        """Account for the memory of a value that was just made. Raises LimitExceededError."""
        kind = type(value)
        if kind is str or kind is list or kind is tuple:
            self.reserve(sys.getsizeof(value))

    def reserve(self, size: int) -> None:
        """Account for ``size`` bytes. Raises LimitExceededError."""
        self.made -= size
        if self.made < 0:
            raise LimitExceededError(f"Evaluation makes more than {self.options.max_memory} bytes of values")

    def nest(self, value: Any, parts: Iterable[Any]) -> None:
        """Account for a collection that was just made of ``parts``.

        Parts may be shared, so a few steps can make a value that takes for ever to compare or to hash, or breaks the
        process by its depth. Raises LimitExceededError.
        """
        depth, weight = 0, 1
        nested = self.nested
        for part in parts:
            if type(part) in _LEAVES:
                continue
            inner_depth, inner_weight, _ = nested.get(id(part), _UNKNOWN)
            depth = max(depth, inner_depth)
            weight += inner_weight
        if not depth:
            return
        # Kept with the value, so that no other one can get its identity.
        nested[id(value)] = (depth + 1, weight, value)
        if depth >= self.options.max_depth:
            raise LimitExceededError(f"Value nests deeper than {self.options.max_depth} levels")
        if weight > 10 * self.options.max_elements:
            raise LimitExceededError(f"Value has more than {10 * self.options.max_elements} elements")

    def passes(self, values: Iterable[Any]) -> Iterable[Any]:
        """``values``, each element of which counts as a step; a collection is counted at once and stays itself."""
        if isinstance(values, Sized):
            self.step(len(values))
            return values
        return self._counted(values)

    def _counted(self, values: Iterable[Any]) -> Iterator[Any]:
        for value in values:
            self.step()
            yield value


def check_text_length(length: int, options: Options) -> None:
    """Raises LimitExceededError if a text of ``length`` characters is too long to be made."""
    if length > options.max_text_length:
        raise LimitExceededError(f"Text would have more than {options.max_text_length} characters")


def check_element_count(count: int, options: Options) -> None:
    """Raises LimitExceededError if a collection of ``count`` elements is too large to be made."""
    if count > options.element_limit:
        raise LimitExceededError(f"Collection would have more than {options.element_limit} elements")


def check_integer_bits(bits: float, options: Options) -> None:
    """Raises LimitExceededError if an integer of ``bits`` bits is too large to be made."""
    if bits > options.max_integer_bits:
        raise LimitExceededError(f"Integer would have more than {options.max_integer_bits} bits")
