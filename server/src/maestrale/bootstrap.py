"""The one place where concrete things meet: from settings to a running service.

Nothing else constructs a database, a runner or an engine. Building connects nothing and starts no thread.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

import structlog

from maestrale import actions, clock
from maestrale.action_options import action_settings_of
from maestrale.actions import Registry, Result, Runner, standard_registry
from maestrale.actions.dynamic import CARRIER, DynamicAction
from maestrale.actions.openstack.tokens import Tokens
from maestrale.api import Parts, create_app
from maestrale.api.access import authenticator_for, policy_for, trusts_for
from maestrale.api.issued_tokens import IssuedTokens
from maestrale.caller import Caller
from maestrale.catalog import Catalog, Definitions, Delegations, EnvironmentSecrets, ProjectSources, Sealer, Sharing, Sources, Triggers
from maestrale.catalog.preinstalled import Installed, install, packaged
from maestrale.config import ConfigurationError, Settings
from maestrale.core import identity
from maestrale.core.decide import Limits
from maestrale.core.decide import Ports as DecisionPorts
from maestrale.core.ports import Catalogue
from maestrale.engine import Engine
from maestrale.engine.artifacts import Artifacts
from maestrale.engine.cache import CacheBounds, SnapshotCache
from maestrale.engine.decider import Decider, DeciderParts, HeldJobs
from maestrale.engine.diagnosis import Diagnosis, Finding
from maestrale.engine.dispatch import Dispatcher
from maestrale.engine.expiration import ARTIFACTS, LIVE_OUTPUT, Expiration, ExpirationByAge, Policy
from maestrale.engine.faults import Faults, no_faults
from maestrale.engine.inbox import Inbox
from maestrale.engine.intake import Intake
from maestrale.engine.lease_watch import LeaseWatch
from maestrale.engine.live_output import LiveOutput
from maestrale.engine.loop import DecisionLoop
from maestrale.engine.maintenance import Maintenance
from maestrale.engine.nodes import this_process
from maestrale.engine.notifications import Notifications
from maestrale.engine.periodic import Duty, Periodic
from maestrale.engine.places import Places
from maestrale.engine.programs import Programs
from maestrale.engine.records import StoredRecords
from maestrale.engine.round import Bounds
from maestrale.engine.runtime import EngineRuntime
from maestrale.engine.shelf import Shelf
from maestrale.engine.standalone import StandaloneActions
from maestrale.engine.sweeper import IDLE_EVERY, Pace, Sweeper
from maestrale.expr import Options
from maestrale.scheduler import CronScheduler
from maestrale.store import Database, Executions
from maestrale.store.schema import current_revision, is_current, upgrade

log = structlog.get_logger(__name__)

MEGABYTE = 1024 * 1024
MAINTENANCE_INTERVAL = 2.0
LEASES_INTERVAL = 2.0
REMAINS_INTERVAL = 60.0
TRUSTS_INTERVAL = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Everything behind the API, without it: what tests and commands work with."""

    settings: Settings
    database: Database
    executions: Executions
    registry: Registry
    catalog: Catalog
    engine: Engine
    runtime: EngineRuntime
    secrets: EnvironmentSecrets
    project_sources: ProjectSources


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """The service and its API."""

    asgi: Any
    service: Service

    def start(self) -> None:
        """Start the engine's threads; returns at once."""
        self.service.runtime.start()

    def drain(self) -> None:
        """Take no new work."""
        self.service.runtime.drain()

    def release_callers(self) -> None:
        """Break off the actions that requests wait for."""
        self.service.runtime.runner.release_callers()

    def stop(self, waited: float = 0.0) -> None:
        """Drain, in what is left of the time after having waited."""
        self.service.runtime.stop(waited)


class _Source:
    """The definitions, told when a batch begins."""

    def __init__(self, definitions: Definitions, records: StoredRecords, publishers: Sequence[Mapping[str, Any]]) -> None:
        self._definitions = definitions
        self._ports = DecisionPorts(definitions, records, publishers)

    def ports(self) -> DecisionPorts:
        self._definitions.refresh_if_old()
        return self._ports

    def catalogue(self) -> Catalogue:
        self._definitions.expire()
        self._definitions.refresh_if_old()
        return self._definitions


def build(settings: Settings, faults: Faults = no_faults) -> Application:
    """The whole service. Raises ConfigurationError."""
    service = build_service(settings, faults)
    authenticator = authenticator_for(settings, IssuedTokens(service.database, clock.now), now=clock.now, monotonic=clock.monotonic)
    service.runtime.prepare = lambda: prepare_database(settings)
    database, catalog = service.database, service.catalog
    common: dict[str, Any] = {"database": database, "new_id": catalog.new_id, "now": clock.now}
    trusts, delegations = trusts_for(settings), None
    if trusts is not None:
        delegations = Delegations(database=database, trusts=trusts, now=clock.now, for_executions=settings.keystone.trusts_for_executions)
        service.runtime.chores.duties.append(Duty(name="trusts", interval=TRUSTS_INTERVAL, run=delegations.end_unneeded))
    api = create_app(Parts(
        settings=settings, authenticator=authenticator,
        policy=policy_for(settings.api), database=service.database, engine=service.engine, catalog=service.catalog,
        triggers=Triggers(**common, trusts=trusts), sharing=Sharing(**common, definitions=catalog.definitions),
        sources=Sources(**common), secrets=service.secrets, project_sources=service.project_sources,
        registry=service.registry, now=clock.now, not_ready=service.runtime.not_ready,
        delegations=delegations, remember=_memory_of(service.runtime.runner.settings.openstack.tokens, settings),
    ))
    return Application(asgi=api, service=service)


def build_service(settings: Settings, faults: Faults = no_faults, registry: Registry | None = None) -> Service:
    """Everything behind the API. ``registry`` may hold other actions than the standard ones."""
    node_id = f"node-{secrets.token_hex(8)}"
    new_id = identities(node_id)
    options = expression_options(settings)
    action_settings = action_settings_of(settings)
    registry = registry or standard_registry(action_settings)
    database = database_of(settings)
    executions = Executions(database)
    programs = Programs(options)
    if action_settings.dynamic.enabled:
        registry.add_hidden(DynamicAction, Sources(database=database, new_id=new_id, now=clock.now).text_of)
    definitions = Definitions(database, registry, programs, dynamic=CARRIER if action_settings.dynamic.enabled else "")
    limits = Limits(field_size_kb=settings.limits.execution_field_size_limit_kb)
    deciding = _deciding(settings, faults, node_id, new_id, executions, definitions, programs, limits)
    environment_secrets = EnvironmentSecrets(
        database=database, sealer=Sealer([key.get_secret_value() for key in settings.secrets.keys]), now=clock.now)
    project_sources = ProjectSources(
        database=database, new_id=new_id, now=clock.now, urls=action_settings.playbooks.git_urls, open=action_settings.playbooks.any_url)
    live_output = LiveOutput(database, clock.now, event_max=settings.actions.event_max)
    runner = Runner(
        registry, action_settings, deciding.done, released=deciding.dispatcher.released, events=live_output.emit,
        when_stored=live_output.when_stored, secrets=environment_secrets, project_sources=project_sources,
        places=deciding.places, keep=Artifacts(database, clock.now).keep, told=live_output.told)
    standalone = StandaloneActions(
        node_id=node_id, database=database, executions=executions, definitions=deciding.source, dispatcher=deciding.dispatcher,
        runner=runner, limits=limits, options=options, new_id=new_id, now=clock.now)
    runtime = _runtime(
        settings, faults, node_id, new_id, executions, deciding, runner, standalone, live_output, action_settings.playbooks)
    catalog = Catalog(
        database=database, definitions=definitions, new_id=new_id, now=clock.now, validation_mode=settings.api.validation_mode)
    return Service(
        settings=settings, database=database, executions=executions, registry=registry, catalog=catalog, engine=runtime.engine,
        runtime=runtime, secrets=environment_secrets, project_sources=project_sources)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Deciding:
    """What takes part in decisions, from what comes in to what is to be done."""

    source: _Source
    inbox: Inbox
    shelf: Shelf
    dispatcher: Dispatcher
    notifications: Notifications
    places: Places
    loop: DecisionLoop

    def done(self, attempt_id: str, result: Result) -> None:
        """Give a result to whoever dispatched what it is of."""
        (self.notifications if self.notifications.takes(attempt_id) else self.dispatcher).done(attempt_id, result)


def _deciding(
    settings: Settings, faults: Faults, node_id: str, new_id: Callable[[], str], executions: Executions, definitions: Definitions,
    programs: Programs, limits: Limits,
) -> _Deciding:
    given, database = settings.engine, executions.database
    inbox = Inbox(given.inbox_size)
    shelf = Shelf(database, executions, programs, SnapshotCache(CacheBounds(
        given.snapshot_cache_executions, given.snapshot_cache_records, given.snapshot_cache_mb * MEGABYTE)))
    source = _Source(definitions, StoredRecords(database, shelf), settings.notifier.publishers)
    dispatcher = Dispatcher(settings.actions.max_in_hand, inbox.put, faults)
    notifications = Notifications(
        database=database, node_id=node_id, now=clock.now, attempts=settings.notifier.attempts, retry_delay=settings.notifier.retry_delay,
        timeout=settings.notifier.read_timeout)
    held_jobs = HeldJobs()
    decider = Decider(DeciderParts(
        node_id=node_id, database=database, executions=executions, programs=programs, shelf=shelf,
        intake=Intake(executions, definitions, programs), definitions=source, dispatcher=dispatcher, inbox=inbox, limits=limits,
        bounds=Bounds(given.round_steps, given.step_budget, given.round_decisions), new_id=new_id,
        on_notification=notifications.send, timer_horizon=given.timer_horizon, faults=faults), held_jobs)
    loop = DecisionLoop(
        decider, held_jobs, inbox, batch_size=given.batch_size, retry_delay_max=given.retry_delay_max)
    places = Places(node_id=node_id, database=database, limits=settings.playbooks.limits, now=clock.now)
    return _Deciding(
        source=source, inbox=inbox, shelf=shelf, dispatcher=dispatcher, notifications=notifications, places=places, loop=loop)


def _runtime(
    settings: Settings, faults: Faults, node_id: str, new_id: Callable[[], str], executions: Executions, deciding: _Deciding,
    runner: Runner, standalone: StandaloneActions, live_output: LiveOutput, playbooks: actions.PlaybookSettings,
) -> EngineRuntime:
    """The engine and what keeps it going, connected."""
    given, database, inbox = settings.engine, executions.database, deciding.inbox
    engine = Engine(
        database=database, executions=executions, inbox=inbox, shelf=deciding.shelf, standalone=standalone,
        dispatcher=deciding.dispatcher, maintenance=Maintenance(database, inbox), new_id=new_id, timeout=given.request_timeout)
    sweeper = Sweeper(
        identity=this_process(node_id), pace=Pace(
            heartbeat=given.node_heartbeat, node_timeout=given.node_timeout, poll=given.poll_interval, claim_size=given.claim_size),
        database=database, executions=executions, inbox=inbox, loop=deciding.loop, dispatcher=deciding.dispatcher,
        notifications=deciding.notifications, standalone=standalone, places=deciding.places, faults=faults)
    runtime = EngineRuntime(
        node_id=node_id, engine=engine, database=database, inbox=inbox, loop=deciding.loop, sweeper=sweeper,
        dispatcher=deciding.dispatcher, notifications=deciding.notifications, standalone=standalone, runner=runner,
        drain_timeout=given.drain_timeout, flush_output=live_output.close,
        chores=Periodic(_chores(settings, node_id, executions, engine, inbox, sweeper, playbooks)))
    runtime.connect()
    return runtime


def _chores(
    settings: Settings, node_id: str, executions: Executions, engine: Engine, inbox: Inbox, sweeper: Sweeper,
    playbooks: actions.PlaybookSettings,
) -> list[Duty]:
    """What may take its time, beside keeping the engine going."""
    database = executions.database
    leases = LeaseWatch(database=database, inbox=inbox, now=clock.now)
    chores = [
        Duty(name="leases of owners", interval=LEASES_INTERVAL, run=leases.run),
        Duty(name="maintenance", interval=MAINTENANCE_INTERVAL, run=engine.maintenance.go_on),
        Duty(name="idle executions", interval=IDLE_EVERY, run=sweeper.continue_idle, due=clock.monotonic() + IDLE_EVERY),
        Duty(name="remains of playbooks", interval=REMAINS_INTERVAL, run=lambda: _clear_remains(playbooks)),
    ]
    if settings.cron.enabled:
        cron = CronScheduler(database=database, engine=engine, now=clock.now, batch_size=settings.cron.batch_size)
        chores.append(Duty(name="cron triggers", interval=settings.cron.execution_interval, run=cron.run))
    given = settings.expiration
    if given.evaluation_interval is not None:
        interval = 60.0 * given.evaluation_interval
        policy = Policy(given.older_than, given.max_finished_executions, given.batch_size, tuple(given.ignored_states))
        expiration = Expiration(
            node_id=node_id, database=database, executions=executions, policy=policy, interval=interval, now=clock.now)
        chores.append(Duty(name="expiration", interval=interval, run=expiration.run))
    for leavings, older_than in ((LIVE_OUTPUT, settings.actions.events_older_than), (ARTIFACTS, settings.actions.artifacts_older_than)):
        if older_than is not None:
            by_age = ExpirationByAge(leavings=leavings, node_id=node_id, database=database, older_than=older_than, now=clock.now)
            chores.append(Duty(name=leavings.lease, interval=by_age.interval, run=by_age.run))
    return chores


def _clear_remains(playbooks: actions.PlaybookSettings) -> None:
    """What playbooks left behind whose server was killed together with the process that watched over them."""
    for directory in actions.remove_remains(playbooks):
        log.warning("cleared up after a playbook whose server died", directory=directory)


def identities(node_id: str) -> Callable[[], str]:
    """A function that gives identities which no other process and no other call gives."""
    numbers = count(1)
    return lambda: identity.derive(node_id, "new", next(numbers))


def expression_options(settings: Settings) -> Options:
    """The limits of expressions."""
    return Options(limit_iterators=settings.yaql.limit_iterators, memory_quota=settings.yaql.memory_quota)


def _memory_of(tokens: Tokens, settings: Settings) -> Callable[[Caller], None]:
    """Hands the tokens of requests to the actions of their callers."""

    def remember(caller: Caller) -> None:
        if caller.target is not None:
            tokens.remember_target(caller.target)
        if settings.auth == "keystone":
            tokens.remember(caller.as_security(), caller.token)

    return remember


def database_of(settings: Settings) -> Database:
    """The database of the settings; connects when it is first used."""
    group = settings.database
    return Database(
        settings.database_url, pool_size=group.pool_size, max_overflow=group.max_overflow, pool_timeout=group.pool_timeout,
        pool_recycle=group.pool_recycle, connect_timeout=group.connect_timeout, statement_timeout=group.statement_timeout,
        sqlite_busy_timeout=group.sqlite_busy_timeout,
    )


def prepare_database(settings: Settings) -> None:
    """Bring an SQLite file, or an empty database, to the current schema; refuse another one that isn't at it.

    Raises ConfigurationError with the command to run, DatabaseUnavailableError.
    """
    if not settings.database.auto_upgrade and not is_current(settings.database_url):
        raise ConfigurationError("The database is not at the current schema; run: maestrale db upgrade")
    database = database_of(settings)
    try:
        revision = database.run_read(current_revision)
    finally:
        database.close()
    if revision is None or database.dialect.name == "sqlite":
        upgrade(settings.database_url)
    elif not is_current(settings.database_url):
        raise ConfigurationError(
            f"The database is at another schema ({revision}). Back it up, then run: maestrale db upgrade")


def upgrade_database(settings: Settings) -> bool:
    """Bring the database to the current schema; whether there was something to do."""
    return upgrade(settings.database_url)


def populate_database(settings: Settings) -> list[Installed]:
    """Install the workflows of packages in a database that is made or brought to the current schema as a server would do it.

    Raises RequestError for what can't be installed, ConfigurationError, DatabaseUnavailableError.
    """
    prepare_database(settings)
    database = database_of(settings)
    try:
        return install(database, packaged(), new_id=identities(f"populate-{secrets.token_hex(8)}"), now=clock.now)
    finally:
        database.close()


@contextmanager
def issued_tokens(settings: Settings) -> Iterator[IssuedTokens]:
    """The tokens in the database, which is made or brought to the current schema as a server would do it."""
    prepare_database(settings)
    database = database_of(settings)
    try:
        yield IssuedTokens(database, clock.now)
    finally:
        database.close()


def diagnose(settings: Settings, *, fix: bool) -> list[Finding]:
    """Every execution that doesn't progress, and why; with ``fix`` what is stuck is freed."""
    database = database_of(settings)
    node_id = f"doctor-{secrets.token_hex(8)}"
    try:
        diagnosis = Diagnosis(
            database=database, executions=Executions(database), identity=this_process(node_id), node_timeout=settings.engine.node_timeout,
            now=clock.now, new_id=identities(node_id))
        findings = diagnosis.findings()
        return diagnosis.free(findings) if fix else findings
    finally:
        database.close()
