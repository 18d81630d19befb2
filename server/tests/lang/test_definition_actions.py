"""Ad-hoc actions and workbooks (1.19, 1.20), and the text forms of inputs."""

from __future__ import annotations

import pytest
from lang_parsing import workflow

from maestrale import lang
from maestrale.errors import DSLParsingError, InvalidModelError, YaqlGrammarError
from maestrale.lang.specs import REQUIRED, Parameter


def action(body: str):
    return lang.parse_actions(f"version: '2.0'\na: {body}\n")[0].spec


def action_refusal(body: str) -> str:
    with pytest.raises(InvalidModelError) as caught:
        action(body)
    return str(caught.value)


def book(members: str, head: str = "name: lib"):
    return lang.parse_workbook(f"version: '2.0'\n{head}\n{members}\n")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("{input: [x]}", "'base' is a required property"),
        ("{base: std.noop, wrong: 1}", "Additional properties are not allowed ('wrong' was unexpected)"),
        ("{base: std.noop, input: x}", "'x' is not of type 'array'"),
        ("{base: std.noop, base-input: {}}", "{} should be non-empty"),
        ("{base: ''}", "'' should be non-empty"),
        ("{base: 5}", "5 is not of type 'string'"),
        ("{base: std.noop, tags: a}", "'a' is not of type 'array'"),
        ("{}", "{} should be non-empty"),
    ],
)
def test_L133_malformed_actions_are_refused(body, reason):
    assert action_refusal(body).startswith(f"Invalid DSL: {reason}")


def test_L134_inline_parameters_of_base_win_over_base_input():
    spec = action("{base: 'std.http url=\"u\" x=1', base-input: {x: 2, y: <% $.y %>}}")
    assert spec.base == "std.http"
    assert spec.base_input == {"url": "u", "x": 1, "y": "<% $.y %>"}


def test_L135_defaults_are_literal():
    assert action("{base: b, input: [a, {b: '<% 1 + %>'}, {c: null}]}").input == (
        Parameter("a"), Parameter("b", "<% 1 + %>"), Parameter("c", None))  # fmt: skip


@pytest.mark.parametrize(
    ("body", "output"), [("{base: b}", REQUIRED), ("{base: b, output: null}", None), ("{base: b, output: {x: <% $ %>}}", {"x": "<% $ %>"})]
)
def test_L138_an_absent_output_is_told_from_null(body, output):
    assert action(body).output == output


@pytest.mark.parametrize("body", ["{base: 'b x=<% 1 + %>'}", "{base: b, base-input: {x: <% 1 + %>}}", "{base: b, output: <% 1 + %>}"])
def test_L055_syntax_errors_in_an_action_are_found(body):
    with pytest.raises(YaqlGrammarError, match="^Parse error: unexpected end of statement .*action 'a'"):
        action(body)


def test_L056_nested_values_of_an_action_are_not_checked():
    assert action("{base: b, base-input: {x: [<% 1 + %>]}, output: {y: <% 1 + %>}}")


def test_an_action_is_rebuilt_from_its_raw_form():
    spec = action("{base: 'b x=1', description: d, tags: [t], input: [a], output: null}")
    assert lang.action_from_raw(spec.raw) == spec
    assert (spec.description, spec.tags) == ("d", ("t",))


def test_every_action_of_a_document_is_stored_with_the_whole_text():
    text = "version: '2.0'\na: {base: x}\nb: {base: y}\n"
    assert [(parsed.spec.name, parsed.definition) for parsed in lang.parse_actions(text)] == [("a", text), ("b", text)]


@pytest.mark.parametrize("version", ["2.0", "2", "'2'", "'3.0'", "abc", "null", "[]"])
def test_L007_a_workbook_takes_only_the_text_2_0_as_version(version):
    with pytest.raises(DSLParsingError, match="^Unsupported DSL version: "):
        lang.parse_workbook(f"version: {version}\nname: lib\nworkflows: {{w: {{tasks: {{t: {{action: x}}}}}}}}")


def test_L007_the_message_says_what_is_right():
    with pytest.raises(DSLParsingError) as caught:
        lang.parse_workbook("name: lib\nversion: 2.0\n")
    assert str(caught.value) == "Unsupported DSL version: 2.0 (line 2, key 'version'; expected version: '2.0', in quotes)"


def test_L146_members_have_their_short_names():
    spec = book("actions:\n  hi: {base: b}\nworkflows:\n  main: {tasks: {t: {action: hi}}}\n  part: {tasks: {t: {action: x}}}").spec
    assert (spec.name, [w.name for w in spec.workflows], [a.name for a in spec.actions]) == ("lib", ["main", "part"], ["hi"])
    assert spec.workflows[0].raw["name"] == "main"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("version: '2.0'\nworkflows: {w: {tasks: {t: {action: x}}}}", "'name' is a required property"),
        ("version: '2.0'\nname: b\nextras: {}", "Additional properties are not allowed ('extras' was unexpected)"),
        ("version: '2.0'\nname: b\nworkflows: {}", "{} should be non-empty"),
        ("version: '2.0'\nname: b\nworkflows: {w: {tasks: {}}}", "{} should be non-empty"),
        ("version: '2.0'\nname: b\nactions: {a: {input: [x]}}", "'base' is a required property"),
        ("version: '2.0'\nname: b\nworkflows: {a.b: {tasks: {t: {action: x}}}}", "'a.b' does not match any of the regexes"),
        ("version: '2.0'\nname: b\nworkflows: {version: 3}", "3 is not one of ['2.0', 2.0]"),
        ("version: '2.0'\nname: b\nworkflows: {w: }", "None is not of type 'object'"),
        ("version: '2.0'\nname: ''", "'' should be non-empty"),
        ("version: '2.0'\nname: b\ntags: x", "'x' is not of type 'array'"),
        ("- a", "['a'] is not of type 'object'"),
        ("x", "'x' is not of type 'object'"),
    ],
)
def test_L149_malformed_workbooks_are_refused(text, reason):
    with pytest.raises(InvalidModelError) as caught:
        lang.parse_workbook(text)
    assert str(caught.value).startswith(f"Invalid DSL: {reason}")


def test_L149_the_place_names_workflow_task_and_key():
    with pytest.raises(InvalidModelError) as caught:
        book("workflows:\n  w:\n    tasks:\n      t:\n        join: some")
    assert "(line 7, workflow 'w', task 't', key 'join'; " in str(caught.value)


@pytest.mark.parametrize("value", ["''", "5", "null", "[a]", "{a: 1}"])
@pytest.mark.parametrize("text", ["name: b\ndescription: {}\n", "name: b\nactions:\n  a: {{base: x, description: {}}}\n"])
def test_the_description_of_a_workbook_or_an_action_is_text(text, value):
    with pytest.raises(InvalidModelError, match="^Invalid DSL: .*key 'description'"):
        lang.parse_workbook(f"version: '2.0'\n{text.format(value)}")


@pytest.mark.parametrize("value", ["''", "5", "null", "[a]"])
def test_the_description_of_a_workflow_is_not_checked(value):
    assert workflow(f"description: {value}\ntasks: {{t: {{action: x}}}}")


def test_L149_a_workbook_without_members_is_fine():
    parsed = lang.parse_workbook("version: '2.0'\nname: b\ndescription: d\ntags: [t]\n")
    assert (parsed.spec.description, parsed.spec.tags, parsed.spec.workflows) == ("d", ("t",), ())


def test_L150_a_base_is_kept_as_written():
    assert book("actions:\n  a: {base: b}\n  b: {base: std.noop}").spec.actions[0].base == "b"


def test_a_member_is_cut_from_the_text_with_its_comments():
    text = (
        "version: '2.0'\nname: lib\nactions:\n  hi:\n    base: x\n\nworkflows:\n  main:\n    # first\n    tasks:\n\n"
        "      part:\n        action: x  # more\n  # between\n  part:\n    tasks: {t: {action: x}}\n"
    )
    parsed = lang.parse_workbook(text)
    assert parsed.action_definitions == {"hi": "hi:\n  base: x\n"}
    assert parsed.workflow_definitions == {
        "main": "main:\n  # first\n  tasks:\n\n    part:\n      action: x  # more\n# between\n",
        "part": "part:\n  tasks: {t: {action: x}}\n",
    }


def test_a_member_in_flow_style_is_written_anew():
    parsed = book("workflows: {main: {tasks: {t: {action: x}}}}")
    assert parsed.workflow_definitions == {"main": "main:\n  tasks:\n    t:\n      action: x\n"}


def test_members_are_checked_only_if_wanted():
    text = "version: '2.0'\nname: b\nextra: 1\nworkflows: {w: {tasks: {t: {on-success: ghost}}}}"
    assert lang.parse_workbook(text, validate=False).spec.workflows[0].name == "w"
    for broken in ("[]", "version: '2.0'", "version: '2.0'\nname: 5", "version: '2.0'\nname: b\nworkflows: 5", "a: ["):
        with pytest.raises(DSLParsingError):
            lang.parse_workbook(broken, validate=False)


PARAMETERS = (Parameter("a"), Parameter("b", 2), Parameter("c", None), Parameter("d", {"k": ["v", True]}), Parameter("e", "s"))


def test_inputs_of_a_workflow_are_shown_in_python_notation():
    assert lang.describe_input(PARAMETERS) == """a, b="2", c="None", d="{'k': ['v', True]}", e="s\""""
    assert lang.describe_input(()) == ""


def test_inputs_of_an_action_are_shown_as_json():
    assert lang.describe_action_input(PARAMETERS) == 'a, b=2, c=null, d={"k": ["v", true]}, e="s"'


def test_the_interface_of_a_workflow():
    spec = lang.parse_workflows("version: '2.0'\nw: {input: [a, {b: 2}], output: {o: 1, p: 2}, tasks: {t: {action: x}}}")[0].spec
    assert lang.describe_interface(spec) == {"input": ["a", {"b": 2}], "output": ["o", "p"]}
