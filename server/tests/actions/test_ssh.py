"""``std.ssh``, ``std.ssh_proxied`` and ``std.wait_ssh`` against a real SSH server."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from desk import IDENT

from maestrale.actions import extras

asyncssh = pytest.importorskip("asyncssh", reason="the extra 'ssh' (asyncssh) is not installed")

USER_KEY = asyncssh.generate_private_key("ssh-ed25519")
LOCKED_KEY = asyncssh.generate_private_key("ecdsa-sha2-nistp256")
RSA_KEY = asyncssh.generate_private_key("ssh-rsa", key_size=2048)
HOST_KEY = asyncssh.generate_private_key("ssh-ed25519")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server has its keys, and notes what it forwards."""
    folder = tmp_path_factory.mktemp("sshd")
    HOST_KEY.write_private_key(folder / "host_key")
    USER_KEY.write_public_key(folder / "user.pub")
    RSA_KEY.write_public_key(folder / "rsa.pub")
    LOCKED_KEY.write_public_key(folder / "locked.pub")
    return folder


@pytest.fixture(scope="module")
def port(folder: Path) -> Iterator[int]:
    program = Path(__file__).with_name("ssh_peer.py")
    with subprocess.Popen([sys.executable, program, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        yield int(server.stdout.readline())
        server.kill()


@pytest.fixture
def host(port: int) -> str:
    return f"127.0.0.2:{port}"


@pytest.fixture
def users(folder: Path) -> Callable[[], list[str]]:
    """The names of those who came to the server in this test."""
    noted = folder / "users"
    noted.write_text("", encoding="utf-8")
    return lambda: noted.read_text(encoding="utf-8").split()


def test_L392_output_of_one_host(desk: Any, host: str) -> None:
    result = desk.run("std.ssh", cmd="echo hello; echo \u00e9 | cat; echo aside >&2", host=host, username="me", password="right")
    assert result.data == "hello\n\u00e9\n"


def test_L392_a_list_of_outputs_for_several_hosts_and_a_plain_one_for_a_list_of_one(desk: Any, host: str) -> None:
    assert desk.run("std.ssh", cmd="echo x", host=[host, host], username="me", password="right").data == ["x\n", "x\n"]
    assert desk.run("std.ssh", cmd="echo x", host=[host], username="me", password="right").data == "x\n"


def test_L392_another_status_than_0_is_a_failure(desk: Any, host: str) -> None:
    result = desk.run("std.ssh", cmd="echo no >&2; exit 3", host=host, username="me", password="right")
    assert f"msg='Failed to execute ssh cmd 'echo no >&2; exit 3' on {host}: exit status 3: no']" in result.error


@pytest.mark.parametrize(("cmd", "expected"), [
    ("echo out; echo err >&2; exit 3", {"stdout": "out\n", "stderr": "err\n", "exit_code": 3}),
    ("echo out", {"stdout": "out\n", "stderr": "", "exit_code": 0}),
])
def test_L392_return_result_on_error(desk: Any, host: str, cmd: str, expected: dict[str, Any]) -> None:
    result = desk.run("std.ssh", cmd=cmd, host=host, username="me", password="right", return_result_on_error=True)
    assert (result.state, result.data) == ("SUCCESS", expected)


def test_L392_return_result_on_error_of_several_hosts_is_a_list(desk: Any, host: str) -> None:
    result = desk.run("std.ssh", cmd="exit 3", host=[host, host], username="me", password="right", return_result_on_error=True)
    assert (result.state, result.data) == ("SUCCESS", [{"stdout": "", "stderr": "", "exit_code": 3}] * 2)


def test_L392_the_first_host_that_fails_ends_the_action(desk: Any, host: str, tmp_path: Path) -> None:
    hosts = [host, "127.0.0.2:1", host]
    result = desk.run("std.ssh", cmd=f"echo x >> {shlex.quote(str(tmp_path / 'ran'))}", host=hosts, username="me", password="right")
    assert (result.state, f"on {hosts}: " in result.error) == ("ERROR", True)
    assert (tmp_path / "ran").read_text(encoding="utf-8") == "x\n"


def test_L392_the_user_is_who_the_input_says(desk: Any, host: str, users: Callable[[], list[str]]) -> None:
    assert desk.run("std.ssh", cmd="true", host=host, username="somebody", password="right").state == "SUCCESS"
    assert users() == ["somebody"]


def test_much_output_on_both_streams_does_not_block(desk: Any, host: str) -> None:
    cmd = "head -c 3000000 /dev/zero | tr '\\0' x; head -c 3000000 /dev/zero | tr '\\0' y >&2"
    result = desk.run("std.ssh", cmd=cmd, host=host, username="me", password="right")
    assert len(result.data) == 3_000_000


def test_the_output_is_limited(make_desk: Callable[..., Any], host: str) -> None:
    result = make_desk(result_max=1000).run("std.ssh", cmd="yes", host=host, username="me", password="right")
    assert "the output is larger than 1000 bytes" in result.error


def test_a_key_may_be_text_or_a_file_in_the_folder_of_keys(make_desk: Callable[..., Any], host: str, tmp_path: Path) -> None:
    desk = make_desk(ssh_key_dir=str(tmp_path))
    text = USER_KEY.export_private_key().decode()
    assert desk.run("std.ssh", cmd="echo x", host=host, username="me", private_key=text).data == "x\n"
    (tmp_path / "id").write_text(text, encoding="utf-8")
    assert desk.run("std.ssh", cmd="echo x", host=host, username="me", private_key_filename="id").data == "x\n"


def test_L392_keys_of_other_kinds_and_locked_ones_are_taken(make_desk: Callable[..., Any], host: str, tmp_path: Path) -> None:
    desk = make_desk(ssh_key_dir=str(tmp_path))
    rsa = RSA_KEY.export_private_key("pkcs1-pem").decode()
    locked = LOCKED_KEY.export_private_key("pkcs8-pem", passphrase="right").decode()
    (tmp_path / "locked").write_text(locked, encoding="utf-8")
    for inputs in (
        {"private_key": rsa}, {"private_key": locked, "password": "right"}, {"private_key_filename": "locked", "password": "right"},
    ):
        assert desk.run("std.ssh", cmd="echo x", host=host, username="me", **inputs).data == "x\n"


@pytest.mark.parametrize(("inputs", "text"), [
    ({"password": "wrong"}, "Permission denied"),
    ({"private_key_filename": "../id", "password": ""}, "must not contain '..'"),
    ({"private_key_filename": "missing", "password": ""}, "No such file"),
    ({"private_key": "no key", "password": ""}, "Invalid"),
    ({"host": "127.0.0.2:1"}, "Connect"),
])
def test_what_goes_wrong_is_told(make_desk: Callable[..., Any], host: str, tmp_path: Path, inputs: dict[str, Any], text: str) -> None:
    inputs = {"cmd": "ls", "host": host, "username": "me", "password": "right", **inputs}
    result = make_desk(ssh_key_dir=str(tmp_path)).run("std.ssh", **inputs)
    assert f"msg='Failed to execute ssh cmd 'ls' on {inputs['host']}: " in result.error
    assert text in result.error


def test_host_keys_are_checked_where_they_are_known(make_desk: Callable[..., Any], host: str, port: int, tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    key = HOST_KEY.export_public_key().decode().strip()
    known.write_text(f"[127.0.0.2]:{port} {key}\n", encoding="utf-8")
    inputs = {"cmd": "echo x", "host": host, "username": "me", "password": "right"}
    assert make_desk(ssh_known_hosts=str(known)).run("std.ssh", **inputs).data == "x\n"
    known.write_text(f"[127.0.0.2]:{port} {USER_KEY.export_public_key().decode()}", encoding="utf-8")
    assert "Host key is not trusted" in make_desk(ssh_known_hosts=str(known)).run("std.ssh", **inputs).error


def test_cancel_breaks_the_command_off(desk: Any, host: str) -> None:
    desk.submit("std.ssh", cmd="sleep 60", host=host, username="me", password="right")
    desk.runner.cancel(IDENT)
    assert desk.wait().cancelled


@pytest.mark.parametrize("with_command", [False, True])
def test_the_proxied_form_goes_through_the_gateway(
    make_desk: Callable[..., Any], host: str, port: int, folder: Path, tmp_path: Path, with_command: bool,
) -> None:
    (tmp_path / "id").write_text(USER_KEY.export_private_key().decode(), encoding="utf-8")
    relay = tmp_path / "relay.py"
    relay.write_text(RELAY, encoding="utf-8")
    (folder / "forwarded").write_text("", encoding="utf-8")
    result = make_desk(ssh_key_dir=str(tmp_path)).run(
        "std.ssh_proxied", cmd="echo through", host=host, username="me", private_key_filename="id", gateway_host=host,
        proxy_command=f"python3 {shlex.quote(str(relay))} 127.0.0.2 {port}" if with_command else None)
    assert result.data == "through\n", result
    assert (folder / "forwarded").read_text(encoding="utf-8") == ("" if with_command else f"127.0.0.2 {port}\n")


@pytest.mark.parametrize(("gateway_username", "names"), [(None, ["me", "me"]), ("keeper", ["keeper", "me"])])
def test_the_proxied_form_comes_to_the_gateway_as_the_user_named_for_it(
    desk: Any, host: str, users: Callable[[], list[str]], gateway_username: str | None, names: list[str],
) -> None:
    result = desk.run(
        "std.ssh_proxied", cmd="echo x", host=host, username="me", private_key_filename=None, gateway_host=host,
        gateway_username=gateway_username, private_key=USER_KEY.export_private_key().decode())
    assert (result.data, users()) == ("x\n", names)


def test_the_proxied_form_runs_on_each_host_with_a_password_or_a_key_that_it_opens(desk: Any, host: str) -> None:
    locked = LOCKED_KEY.export_private_key("pkcs8-pem", passphrase="right").decode()
    for key in (None, locked):
        result = desk.run(
            "std.ssh_proxied", cmd="echo x", host=[host, host], username="me", private_key_filename=None, gateway_host=host,
            password="right", private_key=key)
        assert result.data == ["x\n", "x\n"]


@pytest.mark.parametrize(("inputs", "text"), [
    ({"cmd": "echo no >&2; exit 3"}, "exit status 3: no"), ({"gateway_host": "127.0.0.2:1"}, "Connect"),
    ({"password": "wrong"}, "Permission"), ({"private_key_filename": "../id"}, "must not contain '..'"),
    ({"proxy_command": "true"}, "Connection"), ({"host": "127.0.0.2:1"}, "Connect"),
])
def test_what_goes_wrong_by_way_of_a_gateway_is_told(desk: Any, host: str, inputs: dict[str, Any], text: str) -> None:
    inputs = {
        "cmd": "ls", "host": host, "username": "me", "private_key_filename": None, "gateway_host": host, "password": "right", **inputs}
    result = desk.run("std.ssh_proxied", **inputs)
    assert f"msg='Failed to execute ssh cmd '{inputs['cmd']}' on {inputs['host']}: " in result.error
    assert text in result.error


RELAY = """
import os, select, socket, sys
peer = socket.create_connection((sys.argv[1], int(sys.argv[2])))
while True:
    for ready in select.select([0, peer], [], [])[0]:
        data = os.read(0, 65536) if ready == 0 else peer.recv(65536)
        if not data:
            sys.exit()
        peer.sendall(data) if ready == 0 else os.write(1, data)
"""


def test_wait_ssh_tries_a_harmless_command(desk: Any, host: str, users: Callable[[], list[str]]) -> None:
    result = desk.run("std.wait_ssh", username="somebody", password="right", host=host)
    assert (result.state, "total" in result.data, users()) == ("SUCCESS", True, ["somebody"])
    assert "Failed to execute ssh cmd 'ls -l'" in desk.run("std.wait_ssh", username="me", password="wrong", host=host).error


def test_without_the_extra_the_failure_names_it(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras.importlib.util, "find_spec", lambda _: None)
    result = desk.run("std.ssh", cmd="ls", host="h", username="u")
    assert "This action needs the Python package of 'asyncssh': install maestrale with the extra 'ssh'." in result.error
