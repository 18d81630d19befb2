"""How YAQL is given data: converted when it is looked at, once, and not to be told from what YAQL makes of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from expr_cases import CONTEXT, INTERNALS, scope
from hypothesis import given, settings
from hypothesis import strategies as st
from yaql.language import utils

from maestrale.expr import ContextView, Scope, compile_value
from maestrale.expr.yaql_data import convert

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=10,
)


class Watched(Mapping[str, Any]):
    """A layer that notes which of its keys were read."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values_ = values
        self.read: list[str] = []

    def __getitem__(self, key: str) -> Any:
        value = self.values_[key]
        self.read.append(key)
        return value

    def __contains__(self, key: object) -> bool:
        return key in self.values_

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_)

    def __len__(self) -> int:
        return len(self.values_)


@settings(max_examples=100, deadline=None)
@given(JSON)
def test_converted_data_is_what_yaql_makes_of_it(value):
    ours, theirs = convert(value), utils.convert_input_data(value)

    assert type(ours).__name__ == type(theirs).__name__
    assert type(ours).__module__ == type(theirs).__module__
    assert repr(ours) == repr(theirs)
    assert ours == theirs
    assert theirs == ours
    assert hash(ours) == hash(theirs)
    if isinstance(theirs, Mapping):
        assert list(ours) == list(theirs)
        assert list(ours.items()) == list(theirs.items())
        assert len(ours) == len(theirs)
        assert bool(ours) == bool(theirs)
        assert ours.get("nosuch", 1) == theirs.get("nosuch", 1)


@pytest.mark.parametrize(
    "text",
    ["<% let(x => $.a) -> $x.b.toSet().len() %>", "<% $.a.b[0] %>", "{{ _.a.b | length }}", "{{ _.a.b[0] }}"],
    ids=["yaql", "closures", "jinja", "path"],
)
def test_only_what_an_expression_names_is_looked_at(text):
    layer = Watched({"a": {"b": [1, 2]}, "big": list(range(1_000))})
    compile_value(text).evaluate(Scope(ContextView([layer])))

    assert set(layer.read) == {"a"}


def test_a_value_is_converted_once_for_all_evaluations_of_a_scope():
    layer = Watched({"a": [1, 2, 3]})
    shared = Scope(ContextView([layer]))
    template = compile_value("<% let(x => $.a) -> $x.toSet().len() + $.a.toSet().len() %>")

    assert [template.evaluate(shared), template.evaluate(shared)] == [6, 6]
    assert layer.read == ["a"]


def test_several_threads_may_compile_and_evaluate_at_once():
    texts = {
        "<% $.vms.where($.ram > 4).name %>": ["b", "c"],
        "<% let(x => $.n) -> $.l.select($ + $x) %>": [6, 7, 8],
        "{{ _.vms | map(attribute='ram') | sum }}": 26,
        "{% for i in _.l %}{{ i }}{% endfor %}{{ _.n }}": "1235",
        "<% nosuch( %>": None,
    }
    failures: list[Any] = []
    shared = scope(ContextView([INTERNALS, CONTEXT]))
    barrier = threading.Barrier(6)

    def work(number: int) -> None:
        barrier.wait()
        for turn in range(30):
            for text, expected in texts.items():
                # A text that no other thread has compiled, so that parsing is done by several at once too.
                own = text.replace("$.n", f"($.n + {number} - {number})").replace("{{ _.n", f"{{{{ {turn} - {turn} + _.n")
                try:
                    result = compile_value(own).evaluate(shared)
                except Exception as error:  # noqa: BLE001
                    if expected is not None or "Parse error" not in str(error):
                        failures.append((own, error))
                else:
                    if result != expected:
                        failures.append((own, result))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not failures
