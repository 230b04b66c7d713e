"""Keeping one request, incident or run that raises from taking every other one along."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog
from sqlalchemy.exc import SQLAlchemyError

from runbooks.run_changes import LostRunError


@dataclass
class Outcome:
    """``failed``: what was tried raised."""

    failed: bool = False


@contextmanager
def isolated(event: str, **about: object) -> Iterator[Outcome]:
    """Log what raises, and go on.

    Args:
        event, about: the log's event and its fields.

    Raises:
        SQLAlchemyError: without the database nothing may be sent: acting stops, leases run out.
    """
    outcome = Outcome()
    try:
        yield outcome
    except SQLAlchemyError:
        raise
    except LostRunError as lost:
        outcome.failed = True
        structlog.get_logger().warning("run_lost", **about, error=str(lost))
    except Exception:
        outcome.failed = True
        structlog.get_logger().exception(event, **about)
