"""The OpenAPI description and the page made from it; a fuzzer finds no 500 with its help."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from outside import leave_out

from maestrale.api.app import ENDPOINTS, document
from maestrale.api.policy import DEFAULT_RULES
from maestrale.api.reference import markdown
from maestrale.api.resources import ALL

PAGE = Path(__file__).resolve().parents[3] / "docs" / "api.md"


def test_the_server_describes_every_endpoint(api):
    described = api.get("/openapi.json").json()

    assert api.get("/docs").status_code == 200
    for endpoint in ENDPOINTS:
        operation = described["paths"][endpoint.path][endpoint.method.lower()]
        assert operation["summary"], endpoint
        assert operation["tags"], endpoint
        assert operation["responses"], endpoint
        if endpoint.takes != "nothing":
            (content,) = operation["requestBody"]["content"].values()
            assert content["example"], endpoint


def test_the_description_has_the_tables_fields():
    schemas = document()["components"]["schemas"]

    for resource in ALL:
        assert list(schemas[resource.name]["properties"]) == list(resource.field_names)


def test_descriptions_are_written_for_users():
    text = str(document()["paths"])

    for phrase in ("Raises ", "(A0", "(A1", "(A2", "(1.", "``_"):
        assert phrase not in text


def test_every_rule_of_an_endpoint_exists():
    assert {one.rule for one in ENDPOINTS if one.rule} <= set(DEFAULT_RULES)


def test_the_version_is_that_of_the_code_that_runs_though_another_one_has_been_installed_since(monkeypatch):
    before = document()["info"]["version"]
    monkeypatch.setattr("importlib.metadata.version", lambda name: "9.9.9")
    monkeypatch.setattr("maestrale.api.app.distribution_version", lambda name: "9.9.9")

    assert document()["info"]["version"] == before


def test_the_page_of_the_api_is_up_to_date():
    assert PAGE.read_text() == markdown(document()), "run: python -m maestrale.api.reference > docs/api.md"


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda one: f"{one.method} {one.path}")
def test_every_route_stands_on_the_page(endpoint):
    assert f"### `{endpoint.method} {endpoint.path}`" in PAGE.read_text()


def test_a_fuzzer_finds_no_internal_error(clients, serve, tmp_path):
    if not (clients / "bin" / "schemathesis").exists():
        leave_out("clients", "schemathesis is not among them")
    api = serve()
    # The phase "coverage" makes thousands of requests more and takes minutes; MAESTRALE_TEST_FUZZ_PHASES asks for it.
    command = [
        str(clients / "bin" / "schemathesis"), "run", f"{api.url}/openapi.json", "--header", "X-Roles: admin", "--checks",
        "not_a_server_error,status_code_conformance,response_schema_conformance", "--exclude-path", "/maintenance", "--phases",
        os.environ.get("MAESTRALE_TEST_FUZZ_PHASES", "examples,fuzzing"),
        "--max-examples", "10", "--seed", "7", "--continue-on-failure", "--warnings", "off",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, timeout=900)

    assert done.returncode == 0, done.stdout[-6000:]
