"""Git projects as sources of playbooks: ``ansible.project``, and ``project`` of ``ansible.playbook``."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from desk import OPEN

from maestrale.actions import ActionSettings, PlaybookSettings, ProjectSource, Result, Runner, RunRequest, standard_registry
from maestrale.actions.git_cache import GitCache
from maestrale.actions.project_url import address_of, check_ref, is_among
from maestrale.errors import InputError

PLAY = """- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.set_stats: {data: {version: "VERSION"}}
"""
LOCAL = {"all": {"hosts": {"localhost": {
    "ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}}}}
GIT = {
    "PATH": os.defpath, "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b",
    "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b",
}


class Repo:
    """A repository on this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.url = f"file://{folder}"
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=self.folder, env=GIT, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def commit(self, files: dict[str, str | None], *, links: dict[str, str] | None = None) -> str:
        """Write (None: delete) files and links, commit; the commit."""
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if text is None:
                path.unlink()
            else:
                path.write_text(text)
        for name, target in (links or {}).items():
            (self.folder / name).symlink_to(target)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", "x")
        return self.git("rev-parse", "HEAD")


class Sources:
    """Named sources in memory."""

    def __init__(self) -> None:
        self.named: dict[str, ProjectSource] = {}

    def add(self, name: str, url: str, **more: Any) -> None:
        self.named[name] = ProjectSource(id=name, name=name, project_id="owner", url=url, **more)

    def find(self, project_id: str, name: str) -> ProjectSource | None:
        del project_id
        return self.named.get(name)

    def pin(self, source: ProjectSource, revision: str) -> str:
        self.named[source.name] = replace(self.named[source.name], revision=revision)
        return revision


class Secrets:
    def get(self, project_id: str, name: str) -> str:
        return f"planted-{project_id}-{name}"


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    repo = Repo(tmp_path / "repo")
    repo.commit({
        "site.yml": PLAY.replace("VERSION", "1"), "README.md": "x", "roles/x/tasks/main.yml": "- hosts: no", "books/more.yml": PLAY})
    return repo


@pytest.fixture
def sources() -> Sources:
    return Sources()


@pytest.fixture
def project(tmp_path: Path, sources: Sources) -> Iterator[Callable[..., Result]]:
    """A function that runs an action (``ansible.project`` if none is named) and gives its result."""
    runners: dict[str, Runner] = {}
    numbers = count()
    lock = threading.Lock()

    def run(
        name: str = "ansible.project", *, tenant: str = "t", admin: bool = False, settings: dict[str, Any] | None = None, **inputs: Any,
    ) -> Result:
        given = {"cache_dir": str(tmp_path / "cache"), "work_dir": str(tmp_path / "work"), **(settings or {})}
        with lock:
            runner = runners.get(repr(given))
            if runner is None:
                action_settings = ActionSettings(http_denied_cidrs=OPEN, playbooks=PlaybookSettings(**given))
                runner = runners[repr(given)] = Runner(
                    standard_registry(action_settings, plugins=False), action_settings, lambda *_: None, project_sources=sources,
                    secrets=Secrets())
        ident = f"a{next(numbers)}"
        return runner.run(RunRequest(attempt_id=ident, name=name, input=inputs, project_id=tenant, security={"is_admin": admin}))

    yield run
    for runner in runners.values():
        runner.stop()


# ---- resolving, caching, updating


def test_a_project_is_resolved_and_its_playbooks_are_listed(project: Any, repo: Repo) -> None:
    assert project(project={"url": repo.url}).data == {
        "url": repo.url, "ref": None, "revision": repo.git("rev-parse", "HEAD"), "changed": True,
        "playbooks": ["books/more.yml", "site.yml"], "requirements": False}


def test_branches_tags_and_commits_are_refs(project: Any, repo: Repo) -> None:
    first = repo.git("rev-parse", "HEAD")
    repo.git("tag", "-a", "v1", "-m", "x")
    second = repo.commit({"site.yml": PLAY})
    repo.git("branch", "other")
    repo.commit({"site.yml": PLAY.replace("VERSION", "3")})
    refs = ("v1", "other", first, "refs/heads/other")
    found = [project(project={"url": repo.url, "ref": ref}).data["revision"] for ref in refs]
    assert found == [first, second, first, second]


def test_what_is_here_is_used_until_an_update_is_asked_for(project: Any, repo: Repo) -> None:
    first = project(project={"url": repo.url, "ref": "main"}).data["revision"]
    second = repo.commit({"site.yml": PLAY})
    assert project(project={"url": repo.url, "ref": "main"}).data["revision"] == first
    assert project(project={"url": repo.url, "ref": "main", "update": True}).data["revision"] == second
    assert project(project={"url": repo.url, "ref": "main"}).data["revision"] == second


def test_a_known_commit_needs_no_network(project: Any, repo: Repo, tmp_path: Path) -> None:
    commit = project(project={"url": repo.url}).data["revision"]
    repo.folder.rename(tmp_path / "gone")
    assert project(project={"url": repo.url, "ref": commit}).state == "SUCCESS"
    assert project(project={"url": repo.url}).state == "SUCCESS"
    assert "can't be read: fatal: '" in project(project={"url": repo.url, "update": True}).error


def test_a_named_source_is_pinned_at_its_first_use_and_moved_by_an_update(project: Any, repo: Repo, sources: Sources) -> None:
    sources.add("site", repo.url, ref="main")
    first = project(project="site").data
    second = repo.commit({"site.yml": PLAY})
    again, updated = project(project="site").data, project(project="site", update=True).data
    assert [first["changed"], again["changed"], updated["changed"]] == [True, False, True]
    assert (again["revision"], updated["revision"], sources.named["site"].revision) == (first["revision"], second, second)


def test_a_source_without_revision_is_resolved_anew(project: Any, repo: Repo, sources: Sources) -> None:
    sources.add("site", repo.url)
    project(project="site")
    second = repo.commit({"site.yml": PLAY})
    sources.add("site", repo.url)
    assert project(project="site").data["revision"] == second


def test_many_that_want_the_same_project_fetch_it_one_after_the_other(project: Any, repo: Repo) -> None:
    with ThreadPoolExecutor(6) as pool:
        results = list(pool.map(lambda number: project(project={"url": repo.url, "update": number % 2 == 0}), range(6)))
    assert [one.data["revision"] for one in results] == [repo.git("rev-parse", "HEAD")] * 6


@pytest.mark.parametrize(("given", "text"), [
    ({"ref": "none"}, "has no branch or tag 'none'."),
    ({"ref": "abc1234"}, "has no branch or tag 'abc1234'; a commit is given by all its digits."),
    ({"ref": "0" * 40}, f"has no commit {'0' * 40}."),
])
def test_an_unknown_ref_is_named(project: Any, repo: Repo, given: dict[str, Any], text: str) -> None:
    assert text in project(project={"url": repo.url, **given}).error


def test_an_empty_repository_has_no_default_branch(project: Any, tmp_path: Path) -> None:
    assert "has no default branch: it is empty." in project(project={"url": Repo(tmp_path / "empty").url}).error


def test_a_repository_that_does_not_answer_ends_in_time(project: Any, tmp_path: Path) -> None:
    error = project(project={"url": f"file://{tmp_path}/none"}, settings={"git_timeout": 0.0001}).error
    assert "did not answer within 0.0001 seconds." in error


def test_the_cache_forgets_what_was_unused_longest(tmp_path: Path) -> None:
    cache = GitCache(tmp_path, 1.0, 250)
    for number, name in enumerate(("old", "older", "new")):
        folder = tmp_path / "repos" / name
        folder.mkdir(parents=True)
        (folder / "file").write_bytes(b"x" * 100)
        os.utime(folder, (1000 - number * (name == "older"), 1000 - number * (name == "older")))
    os.utime(tmp_path / "repos" / "new")
    assert cache.evict() == ["older"]
    assert {path.name for path in (tmp_path / "repos").iterdir()} == {"old", "new"}


def test_what_is_in_use_stays_in_the_cache(tmp_path: Path) -> None:
    folder = tmp_path / "repos" / "busy"
    folder.mkdir(parents=True)
    (folder / "file").write_bytes(b"x" * 100)
    os.utime(folder)
    assert GitCache(tmp_path, 1.0, 0).evict() == []


# ---- what is refused


@pytest.mark.parametrize("url", [
    "", "ext::sh -c id", "-u/x", "--upload-pack=touch", "https://u:p@host/x", "https://u@host/x", "ftp://host/x", "https:///x",
    "/etc/x", "../x",
    "https://host/a/../b", "https://host/a/%2e%2e/b", "https://host/x?y", "https://-oProxyCommand=x/y", "ssh://-oProxyCommand=x/y",
    "file://host/x", "https://host/x y", "https://host/x\ny", "http://[bad/x", "x" * 3000,
])
def test_what_is_no_plain_address_is_refused(url: str) -> None:
    with pytest.raises(InputError):
        address_of(url)


@pytest.mark.parametrize(("url", "host"), [
    ("https://git.example.org/a/b.git", "git.example.org"), ("git@git.example.org:a/b.git", "git.example.org"),
    ("ssh://git@git.example.org:2222/a", "git.example.org"), ("file:///srv/git/a", None), ("git://h/a", "h"),
])
def test_addresses_of_repositories_are_taken(url: str, host: str | None) -> None:
    assert address_of(url).host == host


@pytest.mark.parametrize("ref", ["-x", "a..b", "a b", "a:b", "a~1", "a^", "a?", "x.lock", "/a", "a/", "@{u}", "a\\b", ""])
def test_what_is_no_ref_is_refused(ref: str) -> None:
    with pytest.raises(InputError):
        check_ref(ref)


def test_addresses_are_allowed_whole_or_by_a_beginning_that_ends() -> None:
    allowed = ["https://h/team/", "https://h/other/one.git", "git@h:"]
    assert [is_among(url, allowed) for url in (
        "https://h/team/a", "https://h/other/one.git", "https://h/teams/a", "https://h/other/one.git2", "git@h:a/b", "git@hh:a/b",
    )] == [True, True, False, False, True, False]


def test_repositories_are_those_that_are_allowed(project: Any, repo: Repo, sources: Sources) -> None:
    closed = {"any_url": False}
    sources.add("site", repo.url)
    assert f"Projects may not come from '{repo.url}'" in project(project={"url": repo.url}, settings=closed).error
    assert project(project={"url": repo.url}, settings=closed, admin=True).state == "SUCCESS"
    assert project(project="site", settings=closed).state == "SUCCESS"
    assert project(project={"url": repo.url}, settings={**closed, "git_urls": (repo.url,)}).state == "SUCCESS"
    elsewhere = {**closed, "git_urls": ("https://h/",)}
    assert [project(project=one, settings=elsewhere, admin=True).state for one in ("site", {"url": repo.url})] == ["ERROR", "ERROR"]


def test_a_closed_policy_lets_a_tenant_name_the_repositories_that_it_is_given(project: Any, repo: Repo) -> None:
    closed = {"closed": True, "projects": {"t": (f"file://{repo.folder.parent}/",)}}
    assert project(project={"url": repo.url}, settings=closed).state == "SUCCESS"
    assert "The project 'u' may not use" in project(project={"url": repo.url}, settings=closed, tenant="u").error


def test_hosts_that_are_denied_to_http_are_denied_here(project: Any) -> None:
    assert "resolves to a blocked address (127.0.0.1)" in project(project={"url": "https://127.0.0.1/x.git"}).error
    assert "resolves to a blocked address (127.0.0.1)" in project(project={"url": "git@127.0.0.1:x.git"}).error


def test_a_link_out_of_the_project_is_refused_and_one_inside_is_not(project: Any, repo: Repo) -> None:
    repo.commit({}, links={"inside": "books/more.yml"})
    assert project(project={"url": repo.url}).state == "SUCCESS"
    repo.commit({}, links={"books/passwd": "../../../../etc/passwd"})
    assert "The project's link 'books/passwd' leads out of it" in project(project={"url": repo.url, "update": True}).error
    repo.git("rm", "--quiet", "books/passwd")
    repo.commit({}, links={"etc": "/etc"})
    assert "The project's link 'etc' leads out of it" in project(project={"url": repo.url, "update": True}).error


def test_a_project_that_is_too_large_is_refused(project: Any, repo: Repo) -> None:
    repo.commit({"big": "x" * 5000})
    assert "at most 2000 are allowed (setting playbooks.project_max)" in project(
        project={"url": repo.url}, settings={"project_max": 2000}).error


def test_hooks_and_filters_of_a_repository_do_not_run(project: Any, repo: Repo, tmp_path: Path) -> None:
    witness = tmp_path / "ran"
    repo.commit({".gitattributes": "* filter=evil\n", ".gitconfig": f'[filter "evil"]\n smudge = touch {witness}\n'})
    assert project(project={"url": repo.url}).state == "SUCCESS"
    assert not witness.exists()


def test_nothing_is_left_of_a_run(project: Any, repo: Repo, tmp_path: Path) -> None:
    project(project={"url": repo.url})
    project(project={"url": repo.url, "ref": "none"})
    assert list((tmp_path / "work").iterdir()) == []


def test_a_secret_that_opens_a_repository_shows_nowhere(project: Any, repo: Repo, tmp_path: Path) -> None:
    result = project(project={"url": "https://127.0.0.2:1/x.git", "credential": "token"})
    assert "can't be read" in result.error
    assert "planted" not in result.error
    assert project(project={"url": repo.url, "credential": "token"}).state == "SUCCESS"
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file() and b"planted" in path.read_bytes()]
    assert not [path for path in (tmp_path / "cache").rglob("*") if "planted" in path.name]


# ---- playbooks from git


def playbook(run: Any, repo: Repo, name: str = "site.yml", **inputs: Any) -> Result:
    pytest.importorskip("ansible")
    return run("ansible.playbook", **{"project": {"url": repo.url}, "playbook": name, "inventory": LOCAL, **inputs})


def test_a_playbook_runs_from_a_commit_and_the_result_says_which(project: Any, repo: Repo) -> None:
    first = repo.git("rev-parse", "HEAD")
    repo.commit({"site.yml": PLAY.replace("VERSION", "2")})
    result = playbook(project, repo, project={"url": repo.url, "ref": first})
    assert result.data["artifacts"] == {"version": "1"}
    assert result.data["project"] == {"url": repo.url, "ref": first, "revision": first}


def test_a_closed_policy_lets_a_tenant_use_a_named_project_with_an_inventory(project: Any, repo: Repo, sources: Sources) -> None:
    sources.add("site", repo.url)
    assert playbook(project, repo, project="site", settings={"closed": True}, tenant="unlisted").state == "SUCCESS"


@pytest.mark.parametrize(("path", "text"), [
    ("../../etc/passwd", "The playbook '../../etc/passwd' is not a file in the project at "),
    ("/etc/passwd", "The playbook '/etc/passwd' is not a file in the project at "),
    ("none.yml", "The playbook 'none.yml' is not a file in the project at "),
])
def test_a_path_stays_in_the_project(project: Any, repo: Repo, path: str, text: str) -> None:
    assert text in playbook(project, repo, path).error


def test_a_path_in_a_submodule_is_explained(project: Any, repo: Repo, tmp_path: Path) -> None:
    other = Repo(tmp_path / "other")
    other.commit({"x.yml": PLAY})
    repo.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", other.url, "sub")
    repo.commit({})
    assert "'sub' is a submodule, and these are not fetched." in playbook(project, repo, "sub/x.yml").error
    assert playbook(project, repo).state == "SUCCESS"


def test_a_source_lets_run_what_its_patterns_name(project: Any, repo: Repo, sources: Sources) -> None:
    sources.add("site", repo.url, playbooks=("books/*.yml",))
    assert "The project 'site' doesn't let 'site.yml' be run" in playbook(project, repo, project="site").error
    assert playbook(project, repo, "books/more.yml", project="site").state == "SUCCESS"
    assert project(project="site").data["playbooks"] == ["books/more.yml"]


def test_a_project_that_nobody_knows_is_named(project: Any, repo: Repo) -> None:
    assert "There is no project 'none' of playbooks" in playbook(project, repo, project="none").error
    assert "There is no git project 'none'" in project(project="none").error


REQUIRING = {
    "requirements.yml": "collections: [{name: ./acme, type: dir}]\nroles: []\n",
    "acme/galaxy.yml": "namespace: acme\nname: things\nversion: 1.0.0\nreadme: README.md\nauthors: [a]\n", "acme/README.md": "x",
    "acme/roles/greet/tasks/main.yml": "- ansible.builtin.set_stats: {data: {said: hello}}\n",
    "greet.yml": "- hosts: all\n  gather_facts: false\n  roles: [acme.things.greet]\n",
}


def test_required_content_is_installed_once_for_each_content(project: Any, repo: Repo, tmp_path: Path) -> None:
    repo.commit(REQUIRING)
    assert playbook(project, repo, "greet.yml").data["artifacts"] == {"said": "hello"}
    (content,) = (tmp_path / "cache" / "content").iterdir()
    marked = (content / "complete").stat().st_mtime_ns
    assert project(project={"url": repo.url}).data["requirements"] is True
    assert [(path, (path / "complete").stat().st_mtime_ns) for path in (tmp_path / "cache" / "content").iterdir()] == [(content, marked)]


@pytest.mark.parametrize("isolation", ["sandbox", "container"])
def test_required_content_is_found_in_isolation(
    project: Any, repo: Repo, isolation: str, request: pytest.FixtureRequest,
) -> None:
    if isolation == "sandbox" and shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed")
    image = request.getfixturevalue("container_image") if isolation == "container" else None
    repo.commit(REQUIRING)
    settings = {"execution_environment": image, "container_network": "none"}
    result = playbook(project, repo, "greet.yml", isolation=isolation, settings=settings)
    assert result.data["artifacts"] == {"said": "hello"}, result


def test_requirements_that_can_not_be_installed_say_why(project: Any, repo: Repo, tmp_path: Path) -> None:
    pytest.importorskip("ansible")
    repo.commit({"requirements.yml": "collections: [{name: ./none, type: dir}]\n"})
    assert "The project's requirements can't be installed: " in project(project={"url": repo.url}).error
    assert not list((tmp_path / "cache" / "content").glob("*"))
    assert project(project={"url": repo.url}, settings={"requirements": False}).state == "SUCCESS"


@pytest.mark.parametrize(("text", "problem"), [("a: [", "is not valid YAML"), ("collections: 3", "must be lists"), ("3", "must be a list")])
def test_requirements_that_make_no_sense_are_refused(project: Any, repo: Repo, text: str, problem: str) -> None:
    repo.commit({"requirements.yml": text})
    assert problem in project(project={"url": repo.url}).error


# ---- who may use what of the configuration


def test_a_tenant_is_limited_to_playbooks_by_pattern(project: Any, repo: Repo) -> None:
    closed = {
        "closed": True, "any_path": False, "roots": {"local": str(repo.folder)},
        "projects": {"t": ("local:books/*.yml",), "all": ("local",)},
    }

    def error(name: str, tenant: str) -> Any:
        return playbook(project, repo, name, project="local", settings=closed, tenant=tenant).error

    assert error("books/more.yml", "t") is None
    assert "The project 't' may not use 'local'" in error("site.yml", "t")
    assert error("site.yml", "all") is None
    assert "The project 'other' may not use 'local'" in error("site.yml", "other")
