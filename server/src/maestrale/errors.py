"""What can go wrong, as the domain sees it.

This is a leaf: it knows neither HTTP nor the database. ``api/errors.py`` holds the one table from
class to status. The tree (names follow Mistral's, checklist section 1.2)::

    MaestraleError
    +-- DSLParsingError                text that can't be read as a definition
    |   +-- InvalidModelError          a definition that breaks a rule
    +-- ExpressionGrammarError         syntax of an expression, found when a definition is checked
    |   +-- YaqlGrammarError, JinjaGrammarError
    +-- EvaluationError                an expression failed while running
    |   +-- YaqlEvaluationError, JinjaEvaluationError
    +-- WorkflowError, InputError, ActionError, InvalidActionError, InvalidResultError
    +-- EventTriggerError, InvalidStateTransitionError, SizeLimitExceededError
    +-- RequestError                   a request whose parameters make no sense
    +-- NotAllowedError, UnauthorizedError, NotFoundError, DuplicateError, ConflictError
    +-- MaintenanceError               the service is paused
    +-- DatabaseUnavailableError       the database is down or too slow; try again
    +-- IdentityUnavailableError       the identity service is down or too slow; try again
    +-- StoppingError                  this process ends; try again, with another one or after its restart
    +-- EngineError                    a fault of ours
"""


class MaestraleError(Exception):
    """Base of all domain errors; ``str()`` is the message for the user."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())

    @property
    def message(self) -> str:
        """The text for the user, one sentence where possible."""
        return str(self)


class DSLParsingError(MaestraleError):
    """The definition could not be parsed."""


class InvalidModelError(DSLParsingError):
    """The definition breaks a rule of the language."""


class ExpressionGrammarError(MaestraleError):
    """An expression has a syntax error."""


class YaqlGrammarError(ExpressionGrammarError):
    """A YAQL expression has a syntax error."""


class JinjaGrammarError(ExpressionGrammarError):
    """A Jinja expression has a syntax error."""


class EvaluationError(MaestraleError):
    """An expression could not be evaluated."""


class YaqlEvaluationError(EvaluationError):
    """A YAQL expression could not be evaluated."""


class JinjaEvaluationError(EvaluationError):
    """A Jinja expression could not be evaluated."""


class WorkflowError(MaestraleError):
    """The workflow can't do that."""


class InputError(MaestraleError):
    """Input is missing, unexpected or of the wrong kind."""


class ActionError(MaestraleError):
    """The action failed."""


class InvalidActionError(MaestraleError):
    """The action can't be used that way."""


class InvalidResultError(MaestraleError):
    """The result can't be accepted."""


class EventTriggerError(MaestraleError):
    """The event trigger is not valid."""


class InvalidStateTransitionError(MaestraleError):
    """The state can't change that way."""


class SizeLimitExceededError(MaestraleError):
    """A field is larger than the configured limit."""


class RequestError(MaestraleError):
    """The request's parameters are not valid."""


class NotAllowedError(MaestraleError):
    """That is not allowed."""


class UnauthorizedError(MaestraleError):
    """Credentials are missing or not valid."""


class NotFoundError(MaestraleError):
    """The object was not found."""


class DuplicateError(MaestraleError):
    """An object of that identity exists already."""


class ConflictError(MaestraleError):
    """The object is not in a state in which that can be done."""


class MaintenanceError(MaestraleError):
    """The service is in maintenance mode."""


class DatabaseUnavailableError(MaestraleError):
    """The database can't be reached at the moment."""


class IdentityUnavailableError(MaestraleError):
    """The identity service can't be reached at the moment."""


class StoppingError(MaestraleError):
    """The service is stopping."""


class EngineError(MaestraleError):
    """An internal fault; the log has the details."""
