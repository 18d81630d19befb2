"""The ``maestrale`` command. Reads options and calls; what it calls lives elsewhere.

Exit status: 0 done, 1 something is wrong that the text on standard error names, 2 the command line is wrong.
"""

from __future__ import annotations

import json
import os
import re
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from importlib.metadata import version as distribution_version
from pathlib import Path
from typing import Annotated, Any

import structlog
import typer
from rich.console import Console
from rich.table import Table

from maestrale import bootstrap, server
from maestrale.api import policy
from maestrale.api.issued_tokens import IssuedTokens, TokenRequest
from maestrale.config import ENV_PREFIX, ConfigurationError, Settings, load_settings
from maestrale.errors import DatabaseUnavailableError, MaestraleError

log = structlog.get_logger(__name__)

app = typer.Typer(name="maestrale", help="A workflow engine that speaks OpenStack Mistral's language and API.", no_args_is_help=True)
database_commands = typer.Typer(help="The database's schema, and what it begins with.", no_args_is_help=True)
app.add_typer(database_commands, name="db")
token_commands = typer.Typer(help="Tokens for auth 'token', kept in the database by their digest.", no_args_is_help=True)
app.add_typer(token_commands, name="token")
policy_commands = typer.Typer(help="Who may do what.", no_args_is_help=True)
app.add_typer(policy_commands, name="policy")

FAILURES = (MaestraleError, ConfigurationError, OSError)
"""What a user or operator can do something about; shown as one line."""

SPANS = {"h": "hours", "d": "days", "w": "weeks"}

ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="YAML file with options.", envvar=f"{ENV_PREFIX}CONFIG", show_envvar=True),
]
DatabaseOption = Annotated[str | None, typer.Option("--database-url", help="SQLAlchemy URL of the database.")]


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _settings(config: Path | None, overrides: dict[str, Any]) -> Settings:
    try:
        return load_settings(config, overrides)
    except ConfigurationError as error:
        typer.echo(f"maestrale: {error}", err=True)
        raise typer.Exit(1) from error


def _fail(error: BaseException) -> typer.Exit:
    typer.echo(f"maestrale: {error}", err=True)
    return typer.Exit(1)


@app.command("server")
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; other than loopback only with authentication.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 picks a free one.")] = None,
    database_url: DatabaseOption = None,
    auth: Annotated[str | None, typer.Option(help="none, token or keystone.")] = None,
    config: ConfigOption = None,
    workers: Annotated[int | None, typer.Option(help="Server processes.")] = None,
    log_format: Annotated[str | None, typer.Option(help="console or json.")] = None,
    inherited_socket: Annotated[int | None, typer.Option(hidden=True)] = None,
    parent: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Serve the API and run workflows until SIGTERM or Ctrl-C."""
    overrides = _given(
        host=host, port=port, database_url=database_url, auth=auth, workers=workers, log_format=log_format,
    )
    settings = _settings(config, overrides)
    server.configure_logging(settings)
    try:
        if inherited_socket is not None:
            server.serve(settings, bootstrap.build(settings), socket.socket(fileno=inherited_socket), parent=parent)
            return
        try:
            bootstrap.prepare_database(settings)
        except DatabaseUnavailableError as error:
            log.warning("starting without the database; work begins when it can be reached", error=str(error))
        bound = server.listen(settings)
        if settings.workers > 1:
            raise typer.Exit(_supervise(settings, bound))
        server.serve(settings, bootstrap.build(settings), bound)
    except FAILURES as error:
        raise _fail(error) from error


def _supervise(settings: Settings, bound: socket.socket) -> int:
    """Run the workers with this command's own arguments and the socket."""
    arguments = [*sys.argv[1:], "--parent", str(os.getpid())]

    def command(fd: int) -> Sequence[str]:
        return [sys.executable, "-m", "maestrale.cli", *arguments, "--inherited-socket", str(fd)]

    return server.Supervisor(command, bound, settings.workers, settings.engine.drain_timeout + 10).run()


@database_commands.command("upgrade")
def upgrade(database_url: DatabaseOption = None, config: ConfigOption = None) -> None:
    """Bring the database to the current schema. Safe beside running servers of the version before."""
    settings = _settings(config, _given(database_url=database_url))
    server.configure_logging(settings)
    try:
        bootstrap.upgrade_database(settings)
    except FAILURES as error:
        raise _fail(error) from error
    typer.echo("The database is up to date.")


@database_commands.command("populate")
def populate(database_url: DatabaseOption = None, config: ConfigOption = None) -> None:
    """Install the workflows that come with packages, public for all projects, or bring them up to date. May be repeated."""
    settings = _settings(config, _given(database_url=database_url))
    server.configure_logging(settings)
    try:
        installed = bootstrap.populate_database(settings)
    except FAILURES as error:
        raise _fail(error) from error
    for one in installed:
        typer.echo(f"{one.name}: {one.change}")


@token_commands.command("create")
def create_token(
    name: Annotated[str, typer.Argument(help="What the token is revoked by.")],
    project: Annotated[str, typer.Option(help="Id of the project that the token works in.")],
    project_name: Annotated[str | None, typer.Option(help="The project's name, for display.")] = None,
    user: Annotated[str | None, typer.Option(help="The user's name, which HTTP basic may give.")] = None,
    role: Annotated[list[str] | None, typer.Option(help="A role; 'admin' gives administrator rights. May be repeated.")] = None,
    expires_in: Annotated[str | None, typer.Option(help="How long it lasts: 12h, 30d, 8w; without it until it is revoked.")] = None,
    database_url: DatabaseOption = None,
    config: ConfigOption = None,
) -> None:
    """Issue a token and print it, this once: only its digest is stored."""
    request = TokenRequest(
        name=name, project_id=project, project_name=project_name, user_name=user, roles=tuple(role or ()), lasts=_span(expires_in))
    with _issued_tokens(config, database_url) as tokens:
        secret = tokens.issue(request)
    typer.echo(secret)
    typer.echo("This is the only time that the token is shown.", err=True)


@token_commands.command("list")
def list_tokens(
    database_url: DatabaseOption = None,
    config: ConfigOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Name the tokens in the database, expired ones too. Those of the configuration are not among them."""
    with _issued_tokens(config, database_url) as tokens:
        rows = tokens.all()
    if as_json:
        typer.echo(json.dumps(rows, indent=2, default=str))
        return
    if not rows:
        typer.echo("There are no tokens in the database.")
        return
    table = Table("name", "project", "user", "roles", "created", "expires")
    for row in rows:
        expires = f"{row['expires_at'] or 'never'}{' (expired)' if row['is_expired'] else ''}"
        table.add_row(row["name"], row["project_id"], row["user_name"], ", ".join(row["roles"]), str(row["created_at"]), expires)
    _print(table)


@token_commands.command("revoke")
def revoke_token(
    name: Annotated[str, typer.Argument(help="The token's name.")],
    database_url: DatabaseOption = None,
    config: ConfigOption = None,
) -> None:
    """Delete a token. Running servers refuse it within seconds."""
    with _issued_tokens(config, database_url) as tokens:
        tokens.revoke(name)
    typer.echo(f"The token '{name}' is revoked.")


@contextmanager
def _issued_tokens(config: Path | None, database_url: str | None) -> Iterator[IssuedTokens]:
    settings = _settings(config, _given(database_url=database_url))
    server.configure_logging(settings)
    try:
        with bootstrap.issued_tokens(settings) as tokens:
            yield tokens
    except FAILURES as error:
        raise _fail(error) from error


def _span(text: str | None) -> timedelta | None:
    """A time span such as 12h, 30d or 8w."""
    if text is None:
        return None
    found = re.fullmatch(r"([0-9]{1,6})([hdw])", text)
    if found is None:
        raise typer.BadParameter(f"'{text}' is no time span; write 12h, 30d or 8w.", param_hint="--expires-in")
    return timedelta(**{SPANS[found[2]]: int(found[1])})


@policy_commands.command("sample")
def sample_policy() -> None:
    """Print a policy.yaml with every rule and its default, all commented out; name its file in api.policy_file."""
    typer.echo(policy.sample(), nl=False)


@app.command()
def doctor(
    database_url: DatabaseOption = None,
    config: ConfigOption = None,
    fix: Annotated[bool, typer.Option("--fix", help="Free what is stuck.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Name every execution that doesn't progress, and why. Status 1 when one is stuck."""
    settings = _settings(config, _given(database_url=database_url))
    server.configure_logging(settings)
    try:
        findings = bootstrap.diagnose(settings, fix=fix)
    except FAILURES as error:
        raise _fail(error) from error
    if as_json:
        typer.echo(json.dumps([finding.as_dict() for finding in findings], indent=2))
    else:
        _show_findings(findings)
    if any(finding.is_stuck and not finding.is_fixed for finding in findings):
        raise typer.Exit(1)


def _show_findings(findings: Sequence[Any]) -> None:
    if not findings:
        typer.echo("Every execution progresses or is finished.")
        return
    table = Table("execution", "workflow", "state", "waits for", "since", "held by", "stuck")
    for finding in findings:
        verdict = "fixed" if finding.is_fixed else "yes" if finding.is_stuck else "no"
        table.add_row(finding.execution_id, finding.workflow_name, finding.state, finding.reason, finding.since, finding.holder, verdict)
    _print(table)


def _print(table: Table) -> None:
    Console(width=None if sys.stdout.isatty() else 200).print(table)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(distribution_version("maestrale"))


def main() -> None:
    """Entry point of the console script."""
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    app()


if __name__ == "__main__":
    main()
