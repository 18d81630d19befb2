"""The steps of make check and make test: what each runs, in which environment, and what it needs."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import ansible_test
import galaxy
import live
from interpreters import VERSIONS, real_interpreter
from venvs import BUILD, ROOT, VenvError, ensure, venv_path

SERVER = ROOT / "server"
MAIN = venv_path("main")
# The ansible-core that pip picks depends on the Python: one sanity run for each of these, newest first.
CORES = (("3.14", "3.13", "3.12"), ("3.11",))
# Folders of the server's tests that take long: a step each, so that they run side by side.
SERVER_PARTS = ("chaos", "acceptance", "actions", "store")


class LeftOut(Exception):  # noqa: N818
    """The step can't run here; ``what`` is the name by which it can be required."""

    def __init__(self, what: str, why: str) -> None:
        super().__init__(why)
        self.what = what


@dataclass(frozen=True)
class Run:
    """What a step gets: a way to call commands, and its log."""

    call: Callable[..., int]
    log: Path

    def __call__(self, *command: str | Path, cwd: Path = ROOT, env: dict[str, str] | None = None) -> int:
        """Run a command; returns its exit status."""
        return self.call([str(part) for part in command], cwd=cwd, env=env or os.environ.copy(), log=self.log)


@dataclass(frozen=True)
class Step:
    """``says`` finds the closing line in the log; ``alone``: nothing else may run at the same time."""

    name: str
    run: Callable[[Run], int]
    is_check: bool = True
    says: str = ""
    alone: bool = False


def formatting(run: Run) -> int:
    """ruff's format, of the collection and the tools; the server keeps to the rules of its linter."""
    return run(MAIN / "bin" / "ruff", "format", "--check", "--quiet", ".")


def lint(run: Run) -> int:
    """ruff's rules, everywhere."""
    ruff = MAIN / "bin" / "ruff"
    return run(ruff, "check", ".") or run(ruff, "check", ".", cwd=SERVER)


def types(run: Run) -> int:
    """mypy in strict mode, of the server, the program behind ``make chaos``, and the tools."""
    mypy = (MAIN / "bin" / "python", "-m", "mypy")
    alone = (*mypy, "--strict", "--config-file", os.devnull)
    return (
        run(*mypy, "--config-file", "pyproject.toml", cwd=SERVER)
        or run(*alone, "run.py", "storm", cwd=SERVER / "tests" / "chaos")
        or run(*alone, *sorted((ROOT / "tools").glob("*.py")), cwd=ROOT)
    )


def imports(run: Run) -> int:
    """The import contracts of the server."""
    return run(MAIN / "bin" / "lint-imports", "--config", "pyproject.toml", cwd=SERVER)


def yaml_files(run: Run) -> int:
    """yamllint."""
    return run(ensure("collection") / "bin" / "yamllint", "--strict", ".")


def ansible_lint(run: Run) -> int:
    """ansible-lint, profile production, in a copied tree where the collection's own modules are found."""
    venv = ensure("collection")
    tree = ansible_test.copy_tree(BUILD / "trees" / "ansible-lint", with_server=False)
    environment = galaxy.ansible_environment(BUILD / "ansible-lint", BUILD / "trees" / "ansible-lint")
    environment["PATH"] = f"{venv / 'bin'}{os.pathsep}{environment['PATH']}"
    return run(venv / "bin" / "ansible-lint", "--offline", cwd=tree, env=environment)


def changelog(run: Run) -> int:
    """Fragments and the changelog made of them."""
    return run(ensure("collection") / "bin" / "antsibull-changelog", "lint")


def plugin_docs(run: Run) -> int:
    """antsibull-docs: references, markup, cross-links."""
    venv = ensure("collection")
    tree = ansible_test.copy_tree(BUILD / "trees" / "antsibull-docs", with_server=False)
    environment = {**os.environ, "PATH": f"{venv / 'bin'}{os.pathsep}{os.environ['PATH']}", "HOME": str(ansible_test.HOME)}
    ansible_test.HOME.mkdir(mode=0o700, parents=True, exist_ok=True)
    command = ["lint-collection-docs", "--plugin-docs", "--validate-collection-refs=self", "--skip-rstcheck", "."]
    return run(venv / "bin" / "antsibull-docs", *command, cwd=tree, env=environment) or run("echo", "antsibull-docs: nothing found")


def docs_site(run: Run) -> int:
    """antsibull-docs and sphinx: a page of every plugin, as a site. Pages of other collections are not looked for."""
    venv = ensure("site")
    tree = BUILD / "trees" / "site"
    ansible_test.copy_tree(tree, with_server=False)
    site = BUILD / "site"
    shutil.rmtree(site, ignore_errors=True)
    site.mkdir(mode=0o700, parents=True)
    environment = galaxy.ansible_environment(BUILD / "ansible-site", tree)
    environment["PATH"] = f"{venv / 'bin'}{os.pathsep}{environment['PATH']}"
    antsibull = venv / "bin" / "antsibull-docs"
    init: list[str | Path] = ["sphinx-init", "--use-current", "--lenient", "--dest-dir", site, "maestrale.mistral"]
    pages: list[str | Path] = ["collection", "--use-current", "--cleanup", "everything", "--fail-on-error", "--dest-dir", site / "rst"]
    status = run(antsibull, *init, env=environment) or run(antsibull, *pages, "maestrale.mistral", env=environment)
    if status:
        return status
    with (site / "conf.py").open("a") as settings:
        # The pages that others are linked to are on the internet.
        settings.write("\nintersphinx_mapping = {}\n")
    html: list[str | Path] = [venv / "bin" / "sphinx-build", "-q", "-b", "html", "-c", site, site / "rst", site / "html"]
    status = run(*html, env=environment)
    made = {path.name for path in (site / "html").rglob("*_module.html")}
    missing = {path.stem for path in (ROOT / "plugins" / "modules").glob("*.py")} - {name.removesuffix("_module.html") for name in made}
    run("echo", f"antsibull-docs and sphinx: {len(made)} pages of modules, missing: {', '.join(sorted(missing)) or 'none'}")
    return status or len(missing)


def execution_environment(run: Run) -> int:
    """ansible-builder: a context for an image, with what the collection says that it needs."""
    venv = ensure("collection")
    folder = BUILD / "execution-environment"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    artifact = galaxy.build(MAIN, folder / "dist")
    galaxy.install(MAIN, artifact, folder / "collections")
    described = run(venv / "bin" / "ansible-builder", "introspect", folder / "collections")
    return described or _context(run, venv, folder, artifact)


def _context(run: Run, venv: Path, folder: Path, artifact: Path) -> int:
    collection = {"name": f"/build/{artifact.name}", "type": "file"}
    definition = {
        "version": 3,
        "dependencies": {"galaxy": {"collections": [collection]}},
        "images": {"base_image": {"name": "quay.io/centos/centos:stream9"}},
    }
    (folder / "execution-environment.yml").write_text(json.dumps(definition))
    return run(venv / "bin" / "ansible-builder", "create", "--context", folder / "context", cwd=folder)


def importer(run: Run) -> int:
    """Galaxy's importer on the artifact."""
    venv = ensure("importer")
    folder = BUILD / "importer"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    artifact = galaxy.build(MAIN, folder / "dist")
    settings = {"CHECK_REQUIRED_TAGS": "1", "RUN_FLAKE8": "0", "RUN_ANSIBLE_LINT": "0", "RUN_ANSIBLE_TEST": "0"}
    environment = {**galaxy.ansible_environment(folder), **{f"GALAXY_IMPORTER_{key}": value for key, value in settings.items()}}
    environment["PATH"] = f"{venv / 'bin'}{os.pathsep}{environment['PATH']}"
    return run(venv / "bin" / "python", "-m", "galaxy_importer.main", artifact, cwd=folder, env=environment)


def sanity_on(interpreter: Path, version: str) -> Callable[[Run], int]:
    """ansible-test sanity of the ansible-core that this Python gets."""

    def run_sanity(run: Run) -> int:
        return _ansible_test(run, interpreter, version, "sanity", "--local", "--python", version)

    return run_sanity


def units_on(interpreter: Path, version: str) -> Callable[[Run], int]:
    """ansible-test units of the ansible-core that this Python gets."""

    def run_units(run: Run) -> int:
        return _ansible_test(run, interpreter, version, "units", "--local", "--python", version)

    return run_units


def _ansible_test(run: Run, interpreter: Path, version: str, *arguments: str) -> int:
    venv = MAIN if version == "{}.{}".format(*sys.version_info) else ensure("core", interpreter)
    tree, environment = ansible_test.prepare(venv, f"{arguments[0]}-{version}")
    return run(venv / "bin" / "python", venv / "bin" / "ansible-test", *arguments, cwd=tree, env=environment)


def server_part(*folders: str) -> Callable[[Run], int]:
    """Some folders of the server's own tests."""

    def run_part(run: Run) -> int:
        return run(MAIN / "bin" / "python", "-m", "pytest", "-q", *(f"tests/{folder}" for folder in folders), cwd=SERVER)

    return run_part


def server_api(run: Run) -> int:
    """The tests of the API, with the clients that they try."""
    ensure("clients")
    return server_part("api")(run)


def server_actions(run: Run) -> int:
    """The tests of actions, with a real image service and a real object store where they can be installed."""
    for service in ("glance", "swift"):
        try:
            ensure(service)
        except VenvError as error:
            run("echo", f"{service}: {error}")
    return server_part("actions")(run)


def server_rest(run: Run) -> int:
    """The server's tests that no other step runs, so that a new folder can't be forgotten."""
    others = (f"--ignore=tests/{folder}" for folder in ("api", *SERVER_PARTS))
    return run(MAIN / "bin" / "python", "-m", "pytest", "-q", *others, cwd=SERVER)


def integration(run: Run) -> int:
    """The collection's integration targets, against a server of this checkout."""
    return live.integration(run, MAIN)


def demo(run: Run) -> int:
    """make demo, from the built and installed artifact."""
    return run(MAIN / "bin" / "python", ROOT / "tools" / "demo.py")


def plays(run: Run) -> int:
    """What users run with ansible-playbook, against a server of this checkout."""
    return live.plays(run, MAIN)


def scenarios(run: Run) -> int:
    """molecule: the roles, as far as they run without containers."""
    venv = ensure("collection")
    tree = ansible_test.copy_tree(BUILD / "trees" / "molecule")
    environment = galaxy.ansible_environment(BUILD / "molecule", BUILD / "trees" / "molecule")
    environment |= {"PATH": f"{venv / 'bin'}{os.pathsep}{environment['PATH']}", "MAESTRALE_PYTHON": str(MAIN / "bin" / "python")}
    environment["MOLECULE_EPHEMERAL_DIRECTORY"] = str(BUILD / "molecule" / "state")
    return run(venv / "bin" / "molecule", "test", "--all", cwd=tree, env=environment)


def rulebooks(run: Run) -> int:
    """The event source in a real ansible-rulebook."""
    if shutil.which("java") is None:
        raise LeftOut("rulebook", "ansible-rulebook needs Java, which is not here")
    return live.rulebook(run, MAIN, ensure("rulebook"))


def conformance(run: Run) -> int:
    """The cases recorded from OpenStack Mistral, if they are there, on SQLite."""
    return live.conformance(run, MAIN, _cases(), None)


def conformance_postgresql(run: Run) -> int:
    """The same on PostgreSQL, in a database of its own."""
    cases = _cases()
    log = run.log.with_suffix(".database")
    make = run.call(
        [str(MAIN / "bin" / "python"), str(ROOT / "tools" / "postgresql.py"), "create"], cwd=ROOT, env=os.environ.copy(), log=log
    )
    url = log.read_text().splitlines()[-1] if log.exists() else ""
    log.unlink(missing_ok=True)
    if make:
        raise LeftOut("postgresql", f"PostgreSQL can't be reached: {url[:120]}")
    try:
        return live.conformance(run, MAIN, cases, url)
    finally:
        run(MAIN / "bin" / "python", ROOT / "tools" / "postgresql.py", "drop", url)


def _cases() -> Path:
    folder = Path(os.environ.get("MAESTRALE_CONFORMANCE") or ROOT.parent / "shared" / "conformance")
    if not (folder / "run.py").is_file():
        raise LeftOut("conformance", f"there are no conformance cases in {folder}; MAESTRALE_CONFORMANCE can name their folder")
    return folder


def _versions() -> Iterator[tuple[str, Path]]:
    """The newest Python of each group that is here."""
    for group in CORES:
        found = [(version, real_interpreter(version)) for version in group if version in VERSIONS]
        usable = [(version, interpreter) for version, interpreter in found if interpreter is not None]
        yield from usable[:1]


def _with_ansible_test() -> Iterator[Step]:
    for version, interpreter in _versions():
        yield Step(f"sanity-{version}", sanity_on(interpreter, version), says="Running sanity test|FATAL")
        yield Step(f"units-{version}", units_on(interpreter, version), says=r" in [\d.]+s")


# Those that take longest come first, so that none of them is left running alone at the end.
ALL: tuple[Step, ...] = (
    Step("server-api", server_api, is_check=False, says=r" in [\d.]+s"),
    Step("server-chaos", server_part("chaos"), is_check=False, says=r" in [\d.]+s"),
    Step("server-acceptance", server_part("acceptance"), is_check=False, says=r" in [\d.]+s"),
    Step("server-actions", server_actions, is_check=False, says=r" in [\d.]+s"),
    Step("server-store", server_part("store"), is_check=False, says=r" in [\d.]+s"),
    Step("server", server_rest, is_check=False, says=r" in [\d.]+s"),
    Step("importer", importer, says="Importer processing completed|ERROR"),
    Step("types", types, says="Success|Found"),
    *_with_ansible_test(),
    Step("ansible-lint", ansible_lint, says="Passed|Failed"),
    Step("docs", plugin_docs),
    Step("site", docs_site, says="pages of modules"),
    Step("execution-environment", execution_environment, says="Complete!|openstacksdk"),
    Step("yamllint", yaml_files),
    Step("changelog", changelog),
    Step("imports", imports, says="Contracts:"),
    Step("lint", lint, says="All checks|Found"),
    Step("format", formatting),
    Step("molecule", scenarios, is_check=False, says="molecule|scenario"),
    Step("plays", plays, is_check=False, says=r" in [\d.]+s"),
    Step("demo", demo, is_check=False, says="localhost  *:"),
    Step("integration", integration, is_check=False, says="passed|failed"),
    Step("rulebook", rulebooks, is_check=False, says="passed|failed"),
    Step("conformance", conformance, is_check=False, says=r"\d+ cases at", alone=True),
    Step("conformance-postgresql", conformance_postgresql, is_check=False, says=r"\d+ cases at", alone=True),
)
