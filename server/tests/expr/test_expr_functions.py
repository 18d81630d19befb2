"""The functions of Mistral in both languages (2.6)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import expr_reference as reference
import pytest
from expr_cases import evaluate

from maestrale.errors import (
    DatabaseUnavailableError,
    EvaluationError,
    JinjaEvaluationError,
    NotFoundError,
    YaqlEvaluationError,
)
from maestrale.expr import ContextView, Scope, compile_value


class Outside(reference.Lookup):
    """A lookup in an expression of a workflow, where there is no current task."""

    def task(self, name: str | None) -> Any:
        return None if name is None else super().task(name)


def both(yaql: str, jinja: str) -> Any:
    return pytest.mark.parametrize("text", [f"<% {yaql} %>", f"{{{{ {jinja} }}}}"], ids=["yaql", "jinja"])


@both("env()", "env()")
def test_L185_env_is_an_empty_mapping_without_environment(text):
    class NoEnvironment(reference.Lookup):
        def env(self) -> dict[str, Any]:
            return {}

    assert evaluate(text, {"a": 1}, lookup=NoEnvironment()) == {}


@both("env().x", "env().x")
def test_env_is_that_of_the_context_where_it_has_one(text):
    assert evaluate(text, {"__env": {"x": 1}}) == 1
    assert evaluate(text, {"a": 1}) == 7


@both("execution()", "execution()")
def test_L186_execution_is_what_the_engine_says(text):
    assert evaluate(text) == reference.Lookup().execution()


@both("task(t)", "task('t')")
def test_L187_a_task_has_the_keys_that_the_engine_gives_it(text):
    assert evaluate(text) == reference.TASKS["t"]


@both("task().id", "task().id")
def test_L188_task_without_name_is_the_current_one(text):
    assert evaluate(text) == "1"


@both("task(nobody)", "task('nobody')")
def test_L189_an_unknown_task_is_null(text):
    assert evaluate(text) is None


@pytest.mark.parametrize("text", ["<% task() %>", "<% task(null) %>", "<% task('') %>"])
def test_L190_yaql_has_null_for_the_task_outside_of_a_task(text):
    assert evaluate(text, lookup=Outside()) is None


@pytest.mark.parametrize("text", ["{{ task() }}", "{{ task().name }}"])
def test_L190_jinja_has_an_error_for_the_task_outside_of_a_task(text):
    with pytest.raises(EvaluationError, match=r"error='__task_execution'\]$"):
        evaluate(text, lookup=Outside())


@both("task(u).result", "task('u').result")
def test_L191_L192_L193_the_result_of_a_task_is_what_the_engine_says(text):
    assert evaluate(text) == reference.TASKS["u"]["result"]


@pytest.mark.parametrize(
    "text",
    [
        "<% task(t).result %>",
        "{{ task('t').result }}",
        "<% task(t).result[0] %>",
        "<% [task(t).result].len() %>",
        "<% task(t).get(result) %>",
    ],
)
def test_only_what_is_asked_of_a_task_is_read(text):
    class Watching(reference.Lookup):
        def __init__(self) -> None:
            super().__init__()
            self.tasks_given: list[reference.LazyTask] = []

        def task(self, name: str | None) -> Any:
            self.tasks_given.append(reference.LazyTask(reference.TASKS["t"]))
            return self.tasks_given[-1]

    lookup = Watching()
    evaluate(text, lookup=lookup)

    assert {key for task in lookup.tasks_given for key in task.read} == {"result"}


@pytest.mark.parametrize(
    "text",
    [
        "<% tasks(workflowExecutionId => w, recursive => true, state => ERROR, flat => true) %>",
        "{{ tasks(workflow_execution_id='w', recursive=true, state='ERROR', flat=true) }}",
        "<% tasks(w, true, ERROR, true) %>",
    ],
)
def test_L194_tasks_filters_by_execution_recursion_state_and_flat(text):
    lookup = reference.Lookup()

    assert evaluate(text, lookup=lookup) == list(reference.TASKS.values())
    assert lookup.calls == [{"workflow_execution_id": "w", "recursive": True, "state": "ERROR", "flat": True}]


@both("tasks().name", "tasks() | map(attribute='name') | list")
def test_L195_tasks_without_id_asks_for_all(text):
    lookup = reference.Lookup()

    assert evaluate(text, lookup=lookup) == ["t", "u", "n"]
    assert lookup.calls == [{"workflow_execution_id": None, "recursive": False, "state": None, "flat": False}]


@pytest.mark.parametrize(
    "text",
    [
        "<% executions(id => i, rootExecutionId => r, state => ERROR, fromTime => '2026-01-01', toTime => '2026-02-01').name %>",
        (
            "{{ executions(id='i', root_execution_id='r', state='ERROR', from_time='2026-01-01', to_time='2026-02-01')"
            " | map(attribute='name') | list }}"
        ),
    ],
)
def test_L196_executions_filters_by_id_root_state_and_times(text):
    lookup = reference.Lookup()

    assert evaluate(text, lookup=lookup) == ["wf"]
    assert lookup.calls == [{"id": "i", "root_execution_id": "r", "state": "ERROR", "from_time": "2026-01-01", "to_time": "2026-02-01"}]


def test_L196_times_may_be_those_of_yaql():
    lookup = reference.Lookup()
    evaluate("<% executions(fromTime => datetime('2026-01-01T10:00:00+02:00')) %>", lookup=lookup)

    assert lookup.calls[0]["from_time"] == "2026-01-01 08:00:00"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("<% tasks(workflow_execution_id => w) %>", YaqlEvaluationError),
        ("<% task(task_name => t) %>", YaqlEvaluationError),
        ("<% executions(root_execution_id => r) %>", YaqlEvaluationError),
        ("{{ tasks(workflowExecutionId='w') }}", JinjaEvaluationError),
        ("{{ task(taskName='t') }}", JinjaEvaluationError),
    ],
)
def test_L197_parameters_are_named_in_the_way_of_their_language(text, error):
    with pytest.raises(error):
        evaluate(text)


@pytest.mark.parametrize("text", ["<% task(taskName => u).name %>", "{{ task(task_name='u').name }}"])
def test_L197_parameters_can_be_named(text):
    assert evaluate(text) == "u"


@both("uuid() = uuid()", "uuid() == uuid()")
def test_L198_uuid_gives_different_values(text):
    assert evaluate(text) is False


@both("json_dump([1, dict(a => 'é', b => null)])", "json_dump([1, {'a': 'é', 'b': none}])")
def test_L199_json_dump_indents_by_four_and_escapes(text):
    assert evaluate(text) == '[\n    1,\n    {\n        "a": "\\u00e9",\n        "b": null\n    }\n]'


@both("json_parse(json_dump($.vms)) = json_parse(json_dump($.vms))", "json_parse(json_dump(_.vms)) == _.vms")
def test_L199_json_parse_inverts_it(text):
    assert evaluate(text) is True


def test_L199_iterators_are_written_as_lists():
    assert evaluate("<% json_dump({a => [1, 2].select($ + 1)}) %>") == '{\n    "a": [\n        2,\n        3\n    ]\n}'


@both("""json_parse('{')""", "json_parse('{')")
def test_L199_faulty_json_is_an_error_with_the_parsers_text(text):
    with pytest.raises(EvaluationError, match="error=Expecting property name enclosed in double quotes: line 1 column 2"):
        evaluate(text)


@both("yaml_dump({b => [1, two], a => {x => null}})", "yaml_dump({'b': [1, 'two'], 'a': {'x': none}} )")
def test_L200_yaml_dump_is_block_style_with_sorted_keys(text):
    assert evaluate(text) == "a:\n  x: null\nb:\n- 1\n- two\n"


@both("""yaml_parse("a: [1, two]\\nb: {c: null}")""", r"yaml_parse('a: [1, two]\nb: {c: null}')")
def test_L200_yaml_parse_reads_yaml(text):
    assert evaluate(text) == {"a": [1, "two"], "b": {"c": None}}


@both("""yaml_parse("a: &x 1\\nb: *x\\nc: @y")""", r"yaml_parse('a: &x 1\nb: *x\nc: @y')")
def test_L200_anchors_and_aliases_define_nothing(text):
    assert evaluate(text) == {"a": "&x 1", "b": "*x", "c": "@y"}


@both("yaml_parse('!!python/object/apply:os.getcwd []')", "yaml_parse('!!python/object/apply:os.getcwd []')")
def test_L200_yaml_parse_is_safe(text):
    with pytest.raises(EvaluationError, match="could not determine a constructor for the tag"):
        evaluate(text)


def test_L200_a_long_document_is_read_like_a_short_one():
    item = "- {a: 1, b: [x, 'y & z'], c: 2.5, d: null, e: true, f: 2026-01-01}\n"

    for plain in (item, item.replace("&", "and")):
        assert evaluate("{{ yaml_parse(_.d) }}", {"d": plain * 300}) == evaluate("{{ yaml_parse(_.d) }}", {"d": plain}) * 300


@both("global(missing)", "global('missing')")
def test_L201_a_global_that_does_not_exist_is_null(text):
    assert evaluate(text) is None


@both("global(d).k", "global('d').k")
def test_L201_global_asks_for_global_variables(text):
    assert evaluate(text) == "v"


def test_now_is_the_engines_time():
    assert evaluate("<% now() %>") == "2026-08-01T10:20:30.000000"
    assert evaluate("<% now(timespan(hours => 2)) %>.") == "2026-08-01 12:20:30+02:00."
    assert evaluate("<% now() - datetime('2026-08-01T10:00:00') = timespan(seconds => 1230) %>") is True


@both("uuid()", "uuid()")
def test_without_a_lookup_its_functions_are_errors(text):
    with pytest.raises(EvaluationError, match=r"error=uuid\(\) can't be used here"):
        compile_value(text).evaluate(Scope(ContextView([{"a": 1}])))


@both("execution().id", "execution().id")
@pytest.mark.parametrize("fast", [True, False])
def test_a_database_that_is_down_is_reported_as_such(text, fast):
    class Down(reference.Lookup):
        def execution(self) -> Any:
            raise DatabaseUnavailableError

    if not fast:
        text = text.replace("execution()", "(let(x => 1) -> execution())") if text.startswith("<%") else "x" + text
    with pytest.raises(DatabaseUnavailableError):
        evaluate(text, lookup=Down())


@both("execution().id", "execution().id")
def test_any_other_error_of_a_lookup_is_an_evaluation_error(text):
    class Gone(reference.Lookup):
        def execution(self) -> Any:
            raise NotFoundError("Execution not found")

    with pytest.raises(EvaluationError, match=r"error=Execution not found\]$"):
        evaluate(text, lookup=Gone())


@pytest.mark.parametrize("name", ["json_dump", "env", "task"])
def test_the_functions_are_no_filters(name):
    with pytest.raises(JinjaEvaluationError, match=f"error=No filter named '{name}'."):
        evaluate(f"{{{{ _ | {name} }}}}")


@pytest.mark.parametrize("value", [datetime(2026, 1, 2, 3, 4, 5), {1, 2}])
def test_yaml_dump_knows_the_types_of_yaml(value):
    class Odd(reference.Lookup):
        def global_(self, name: str) -> Any:
            return value

    expected = "2026-01-02 03:04:05\n" if isinstance(value, datetime) else "!!set\n1: null\n2: null\n"
    assert evaluate("<% yaml_dump(global(x)) %>", lookup=Odd()).removesuffix("...\n") == expected
