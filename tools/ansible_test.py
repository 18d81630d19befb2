"""ansible-test on this checkout: in a copied tree, under a HOME of ours, with a stand-in for its pip bootstrap.

It insists on a folder ansible_collections/NAMESPACE/NAME (a link won't do), downloads a script that installs pip from
a web host even where only a package index can be reached, and drops pip's environment variables on the way.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from interpreters import clean_path
from venvs import BUILD, ROOT

COLLECTION = Path("ansible_collections", "maestrale", "mistral")
HOME = BUILD / "home"
# Each command in a process of its own: ensurepip called in-process forgets pip's configuration.
GET_PIP = """import subprocess
import sys

wanted = [argument for argument in sys.argv[1:] if argument.startswith("pip==")]
subprocess.check_call([sys.executable, "-m", "ensurepip", "--default-pip"])
subprocess.check_call([sys.executable, "-m", "pip", "install", "-q", *wanted])
"""


def copy_tree(parent: Path, *, with_server: bool = True) -> Path:
    """A fresh copy of what git would track, uncommitted files too, as a collection below ``parent``."""
    target = parent / COLLECTION
    shutil.rmtree(target, ignore_errors=True)
    listing = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, check=True, capture_output=True, text=True)
    for name in filter(None, listing.stdout.split("\0")):
        source = ROOT / name
        if source.is_file() and (with_server or not name.startswith("server/")):
            copy = target / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, copy)
    # Otherwise ansible-test asks the checkout's git, which ignores build/ and so lists nothing.
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main"], cwd=target, check=True)
    return target


def prepare(venv: Path, name: str) -> tuple[Path, dict[str, str]]:
    """A tree and an environment to run ansible-test of that virtual environment in."""
    tree = copy_tree(BUILD / "trees" / name, with_server=False)
    with _locked(HOME):
        _write_pip_config()
        _write_bootstrap(venv)
    path = clean_path(venv, BUILD / "interpreters" / name)
    keep = ("TERM", "TZ", "PIP_DEFAULT_TIMEOUT", "ANSIBLE_TEST_PREFER_PODMAN")
    environment = {key: os.environ[key] for key in keep if key in os.environ}
    environment |= {"HOME": str(HOME), "PATH": path, "LC_ALL": "C.UTF-8", "PYTHONUNBUFFERED": "1"}
    return tree, environment


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _write_pip_config() -> None:
    """Hand pip's settings on as a file: ansible-test passes no variables of pip to what it starts."""
    listing = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False).stdout
    values = {}
    for line in listing.splitlines():
        match = re.fullmatch(r"(?:global|:env:|user|site)\.([\w-]+)='(.*)'", line)
        if match and match[1] not in ("config-file", "require-virtualenv", "no-input"):
            values[match[1]] = match[2].replace("\\n", "\n    ")
    folder = HOME / ".config" / "pip"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pip.conf").write_text("[global]\n" + "".join(f"{key} = {value}\n" for key, value in values.items()))


def _write_bootstrap(venv: Path) -> None:
    """Put the stand-in where this ansible-core looks for the script of the pip release that it names."""
    cache = HOME / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    for source in venv.glob("lib/python3*/site-packages/ansible_test/_internal/python_requirements.py"):
        for version in re.findall(r"pip\s*=\s*'([\d.]+)'", source.read_text()):
            (cache / f"get_pip_{version.replace('.', '_')}.py").write_text(GET_PIP)


def run(venv: Path, name: str, arguments: list[str]) -> subprocess.CompletedProcess[bytes]:
    """Run ansible-test with its output on ours."""
    tree, environment = prepare(venv, name)
    return subprocess.run(
        [str(venv / "bin" / "python"), str(venv / "bin" / "ansible-test"), *arguments], cwd=tree, env=environment, check=False
    )


if __name__ == "__main__":
    # For the inner loop: python tools/ansible_test.py sanity --local --python 3.11 --test validate-modules plugins/modules/x.py
    sys.exit(run(ROOT / ".venv", "main", sys.argv[1:]).returncode)
