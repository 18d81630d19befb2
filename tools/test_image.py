"""The image in which tests run playbooks in containers: podman has to be installed, and may need root.

    python tools/test_image.py [BASE]        makes localhost/maestrale-test-ee:1, or what MAESTRALE_TEST_IMAGE names

BASE is an image with Python 3.11 or later (with venv) and an ssh client. Without it one is made of Debian's packages, by debootstrap.
The packages from PyPI are fetched by the pip of this machine, whatever its configuration, so the image needs no network.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

IMAGE = os.environ.get("MAESTRALE_TEST_IMAGE") or "localhost/maestrale-test-ee:1"
BASE = "localhost/maestrale-test-base:1"
MIRROR = "http://deb.debian.org/debian"
PACKAGES = "python3,python3-venv,openssh-client"
VERSION = "import sys; print('{}.{}'.format(*sys.version_info))"
CONTAINERFILE = """FROM {base}
COPY wheels /wheels
RUN python3 -m venv /opt/ansible && /opt/ansible/bin/pip install --no-index --find-links /wheels ansible-core && rm -r /wheels
ENV PATH=/opt/ansible/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
"""


def call(*command: str | Path) -> None:
    """Run a command. Raises CalledProcessError."""
    subprocess.run([str(part) for part in command], check=True)


def make_base(folder: Path) -> None:
    """Debian with a Python, as an image."""
    root = folder / "root"
    call("debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", root, MIRROR)
    call("tar", "--create", "--one-file-system", f"--file={folder / 'root.tar'}", f"--directory={root}", ".")
    call("podman", "import", folder / "root.tar", BASE)


def make_image(base: str, folder: Path) -> None:
    """ansible-core on top of the base."""
    asked = subprocess.run(["podman", "run", "--rm", base, "python3", "-c", VERSION], check=True, capture_output=True, text=True)
    options = ["--only-binary=:all:", f"--python-version={asked.stdout.strip()}", f"--dest={folder / 'wheels'}"]
    call(sys.executable, "-m", "pip", "download", "--quiet", *options, "ansible-core")
    (folder / "Containerfile").write_text(CONTAINERFILE.format(base=base))
    call("podman", "build", "--network=none", f"--tag={IMAGE}", folder)


def main(given: str = "") -> int:
    """Make the image, and see that it can do what it is for."""
    with tempfile.TemporaryDirectory(prefix="maestrale-image-") as name:
        if not given:
            make_base(Path(name))
        make_image(given or BASE, Path(name))
    call("podman", "run", "--rm", IMAGE, "ansible-playbook", "--version")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
