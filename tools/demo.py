"""make demo: an engine, the collection as a user gets it, and a workflow of playbooks, from nothing and back to nothing."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import engine
import galaxy
from venvs import BUILD, ROOT, venv_path


def main() -> int:
    """Run the demonstration; returns the exit status of its playbook."""
    venv = venv_path("demo")
    folder = BUILD / "demo"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "report").mkdir(parents=True)
    collections = BUILD / "collections"
    print("building and installing the collection", flush=True)
    galaxy.install(venv, galaxy.build(venv), collections)
    environment = galaxy.ansible_environment(folder, collections)
    settings = {"MAESTRALE_PLAYBOOKS__COLLECTIONS_PATH": json.dumps([str(collections)])}
    try:
        with engine.running(venv, folder / "engine", settings) as server:
            print(f"the engine listens at {server.url}", flush=True)
            command = [str(venv / "bin" / "ansible-playbook"), "maestrale.mistral.quickstart"]
            command += ["--extra-vars", f"quickstart_folder={folder / 'report'}"]
            result = subprocess.run(command, env={**environment, "MAESTRALE_ENDPOINT": server.url}, cwd=ROOT, check=False)
    except engine.EngineError as error:
        print(error, file=sys.stderr)
        return 1
    report = folder / "report" / "report.md"
    if result.returncode == 0:
        print(f"\nThe report, {report.relative_to(ROOT)}:\n\n{report.read_text()}", flush=True)
    return result.returncode


if __name__ == "__main__":
    sys.exit(main())
