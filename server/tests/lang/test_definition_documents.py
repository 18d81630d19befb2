"""Documents, their versions and names (1.1 - 1.3)."""

from __future__ import annotations

import hashlib

import pytest
import yaml
from lang_parsing import REFUSALS, document, refusal

from maestrale import lang
from maestrale.errors import DSLParsingError, InvalidModelError
from maestrale.lang.yaml_text import load

NOOP = "{tasks: {t: {action: std.noop}}}"


@pytest.mark.parametrize("text", ["a: [b", "a: 'b", "a: b: c", "{a: 1", "a:\n\tb: 1", "a: `x`", "a: %x"])
def test_L001_a_syntax_error_is_refused_with_the_place(text):
    message = refusal(text)
    assert message.startswith("Definition could not be parsed: ")
    assert "line 1, column" in message or "line 2, column" in message


@pytest.mark.parametrize(
    ("text", "first_line"),
    [
        ("- a\n- list", "Invalid DSL: ['a', 'list'] is not of type 'object'"),
        ("just a sentence", "Invalid DSL: 'just a sentence' is not of type 'object'"),
        ("", "Invalid DSL: 'version' is a required property"),
        ("# nothing", "Invalid DSL: 'version' is a required property"),
        ("null", "Invalid DSL: 'version' is a required property"),
        ("5", "Invalid DSL: 5 is not of type 'object'"),
    ],
)
def test_L002_a_document_that_is_no_mapping_is_refused(text, first_line):
    for parse in (lang.parse_workflows, lang.parse_actions):
        with pytest.raises(InvalidModelError) as caught:
            parse(text)
        assert str(caught.value).startswith(first_line)


def test_L003_anchors_and_aliases_are_ordinary_text():
    [parsed] = lang.parse_workflows(
        f"version: '2.0'\nwf:\n  vars: {{a: '&x 1'}}\n  description: &d foo\n  tags: [a]\n  tasks: {NOOP[8:-1]}\n"
    )
    assert parsed.spec.description == "&d foo"
    [parsed] = lang.parse_workflows(f"version: '2.0'\nwf:\n  description: *d\n  tasks: {NOOP[8:-1]}\n")
    assert parsed.spec.description == "*d"


def test_L003_a_document_that_would_explode_by_aliases_does_not():
    bomb = "a: &a [x, x]\nb: &b [*a, *a, *a]\nc: [*b, *b, *b]\n"
    assert load(bomb).data == {"a": "&a [x, x]", "b": "&b [*a, *a, *a]", "c": ["*b", "*b", "*b"]}


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.system", "!!python/name:os.system", "!!binary", "!!set", "!mine"])
def test_L003_tags_of_a_language_are_refused(tag):
    assert "could not determine a constructor for the tag" in refusal(document(f"description: {tag} x\ntasks: {{t: {{action: std.noop}}}}"))


def test_L004_of_duplicate_keys_the_last_wins():
    [parsed] = lang.parse_workflows(document("description: one\ndescription: two\ntasks: {t: {action: a}, t: {action: b}}"))
    assert parsed.spec.description == "two"
    assert parsed.spec.tasks["t"].action == "b"


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (lang.parse_workflows, f"wf: {NOOP}"),
        (lang.parse_actions, "a: {base: std.noop}"),
        (lang.parse_workbook, f"name: b\nworkflows: {{w: {NOOP}}}"),
    ],
)
def test_L005_version_is_required(parse, text):
    with pytest.raises(InvalidModelError, match="^Invalid DSL: 'version' is a required property"):
        parse(text)


@pytest.mark.parametrize("version", ["'2.0'", "2.0", "2", "'3.0'", "abc", "0"])
def test_L006_workflows_and_actions_take_any_text_or_number_as_version(version):
    [parsed] = lang.parse_workflows(f"version: {version}\nwf: {NOOP}")
    assert parsed.spec.raw["version"] == "2.0"
    assert lang.parse_actions(f"version: {version}\na: {{base: std.noop}}")


@pytest.mark.parametrize("version", ["''", "-1", "null", "true", "[2]"])
def test_L006_other_versions_are_refused(version):
    assert refusal(f"version: {version}\nwf: {NOOP}").startswith("Invalid DSL: ")


def test_L008_a_document_with_only_a_version_is_refused():
    assert refusal("version: '2.0'\n").startswith("At least one item must be in the list [data={'version': '2.0'}].")
    with pytest.raises(InvalidModelError, match="At least one item must be in the list"):
        lang.parse_actions("version: '2.0'\n")


def test_L009_one_document_defines_several_workflows_and_one_bad_one_refuses_all():
    text = f"version: '2.0'\na: {NOOP}\nb: {NOOP}\n"
    assert [parsed.spec.name for parsed in lang.parse_workflows(text)] == ["a", "b"]
    assert refusal(text + "c: {tasks: {}}\n").startswith("Invalid DSL: {} should be non-empty")


@pytest.mark.parametrize(
    "name",
    [
        "11111111-2222-3333-4444-555555555555",
        "AAAAAAAA-2222-3333-4444-555555555555",
        "a1111111222233334444555555555555",
        "'{11111111-2222-3333-4444-555555555555}'",
        "'urn:uuid:11111111-2222-3333-4444-555555555555'",
    ],
)
def test_L010_a_name_in_the_form_of_a_uuid_is_refused(name):
    assert refusal(f"version: '2.0'\n{name}: {NOOP}").startswith("Workflow name cannot be in the format of UUID.")


@pytest.mark.parametrize("name", ["11111111-2222-3333-4444-55555555555", "x1111111-2222-3333-4444-555555555555", "a.b-c", "v2"])
def test_L010_other_names_are_fine(name):
    assert lang.parse_workflows(f"version: '2.0'\n{name}: {NOOP}")[0].spec.name == name


def test_L011_a_name_with_a_blank_parses_but_cannot_be_stored():
    [parsed] = lang.parse_workflows(f"version: '2.0'\nwf a: {NOOP}")
    with pytest.raises(InvalidModelError, match="^Name 'wf a' must not contain spaces$"):
        lang.check_name(parsed.spec.name)
    lang.check_name("wf.a-b")


@pytest.mark.parametrize(
    ("length", "join", "text"),
    [
        (256, "", "The length of a '{}' task name must not exceed 255 symbols"),
        (209, ", join: all", "The length of a '{}' join task name must not exceed 208 symbols"),
    ],
)
def test_L013_a_task_name_that_is_too_long_is_refused(length, join, text):
    for size, accepted in ((length - 1, True), (length, False)):
        name = "x" * size
        source = document(f"tasks:\n  a: {{on-success: {name}}}\n  {name}: {{action: std.noop{join}}}")
        if accepted:
            assert lang.parse_workflows(source)
        else:
            assert refusal(source).startswith(text.format(name))


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("name: x", "'x' is not of type 'object'"),
        ("description: x", "'x' is not of type 'object'"),
        ("tags: [a]", "['a'] is not of type 'object'"),
        ("other:", "None is not of type 'object'"),
        ("other: {}", "{} should be non-empty"),
    ],
)
def test_L014_top_level_keys_that_are_no_workflow_are_refused(entry, reason):
    assert refusal(f"version: '2.0'\n{entry}\nwf: {NOOP}").startswith(f"Invalid DSL: {reason}")


def test_L015_a_single_workflow_is_stored_as_sent():
    text = f"version: '2.0'\n# a comment\nwf:   {NOOP}  # more\n"
    assert lang.parse_workflows(text)[0].definition == text


def test_L015_of_several_each_is_written_anew_under_its_own_version():
    text = (
        "version: 2\nfirst:\n  # lost\n  tags: ['on', '2.0', '*x']\n  tasks: {b: {wait-before: 1}, a: {action: std.noop}}\nsecond: " + NOOP
    )
    first, second = lang.parse_workflows(text)
    data = yaml.safe_load(first.definition)
    assert list(data) == ["version", "first"]
    assert data == {"version": 2, "first": {"tags": ["on", "2.0", "*x"], "tasks": {"b": {"wait-before": 1}, "a": {"action": "std.noop"}}}}
    assert list(data["first"]["tasks"]) == ["b", "a"]
    assert lang.parse_workflows(first.definition)[0].spec == first.spec
    assert lang.parse_workflows(second.definition)[0].spec == second.spec


def test_L016_the_stored_text_is_the_one_to_be_digested():
    text = document("tasks: {t: {action: std.noop}}")
    assert hashlib.md5(lang.parse_workflows(text)[0].definition.encode()).digest() == hashlib.md5(text.encode()).digest()


@pytest.mark.parametrize(
    "body",
    [
        "tasks: {t: {colour: red}}",
        "tasks: {t: {publish: {a: '<% 1 + %>'}}}",
        "tasks: {t: {on-success: ghost}}",
        "tasks: {a: {on-success: b}, b: {on-success: a}}",
        "tasks: {t: {join: all}}",
        "output: [a]\ntasks: {t: {action: std.noop}}",
    ],
)
def test_L017_without_validation_shape_syntax_and_structure_are_not_checked(body):
    assert refusal(document(body))
    if body.startswith("output"):
        with pytest.raises(DSLParsingError):
            lang.parse_workflows(document(body), validate=False)
    else:
        assert lang.parse_workflows(document(body), validate=False)


@pytest.mark.parametrize(
    "body",
    ["tasks: 5", "tasks: [a]", "tasks: {t: x}", "tasks: {t: {action: 5}}", "tasks: {t: {on-success: 5}}", "tasks: {t: {retry: {a: 1}}}",
     "tasks: {t: {with-items: x}}", "tasks: {t: {join: x}}", "tasks: {t: {publish: x}}", "input: x\ntasks: {t: {action: a}}",
     "type: other\ntasks: {t: {action: a}}", "tasks: {t: {tags: x}}", "task-defaults: 5\ntasks: {t: {action: a}}"],
)  # fmt: skip
def test_L017_without_validation_what_cannot_be_read_is_still_refused(body):
    with pytest.raises(REFUSALS):
        lang.parse_workflows(document(body), validate=False)


def test_L018_a_refusal_is_one_text_that_names_the_place():
    message = refusal(document("tasks:\n  a:\n    action: std.noop\n    retri: {count: 1, delay: 1}"))
    assert message == (
        "Invalid DSL: Additional properties are not allowed ('retri' was unexpected)"
        " (line 6, workflow 'wf', task 'a', key 'retri'; did you mean 'retry'?)"
    )


def test_names_that_are_no_text_are_refused_instead_of_an_internal_error():
    assert refusal(f"version: '2.0'\n1: {NOOP}").startswith("Invalid DSL: 1 is not of type 'string'")
    assert "key 1 is not of type 'string'" in refusal(document("tasks: {1: {action: std.noop}}"))
    assert "key True is not of type 'string'" in refusal(document("on: x\ntasks: {t: {action: std.noop}}"))


def test_several_documents_in_one_text_are_refused():
    assert "expected a single document" in refusal(document("tasks: {t: {action: std.noop}}") + "---\na: 1\n")


def test_json_is_read_as_yaml():
    [parsed] = lang.parse_workflows('{"version": "2.0", "wf": {"tasks": {"t": {"action": "std.echo", "input": {"output": [1, null]}}}}}')
    assert parsed.spec.tasks["t"].input == {"output": [1, None]}


def test_what_the_engine_adds_shows_in_the_raw_specification():
    [parsed] = lang.parse_workflows(document("type: reverse\ntasks: {one: {action: std.noop}}"))
    assert list(parsed.spec.raw.items()) == [
        ("type", "reverse"),
        ("tasks", {"one": {"action": "std.noop", "type": "reverse", "name": "one", "version": "2.0"}}),
        ("name", "wf"),
        ("version", "2.0"),
    ]
    assert parsed.spec.tasks["one"].raw == parsed.spec.raw["tasks"]["one"]


def test_a_date_is_refused_where_mistral_looks_at_types_and_is_text_elsewhere():
    assert "is not valid under any of the given schemas" in refusal(document("tasks: {t: {publish: {d: 2020-01-01}}}"))
    [parsed] = lang.parse_workflows(document("tasks: {t: {publish: {d: [2020-01-01, {2: x, null: y, true: z}]}}}"))
    assert parsed.spec.tasks["t"].publish == {"d": ["2020-01-01", {"2": "x", "null": "y", "true": "z"}]}
