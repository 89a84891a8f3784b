"""Errors that stop a cycle, by how they are handled.

PipelineError
├── BusyError         another process holds the lock: try again later
├── LockLostError     the connection that held the lock broke: stop at once, run again
├── SourceError       PostgreSQL does not answer: try again later
└── SchemaDriftError  source and warehouse columns disagree: migrate, nothing was moved
"""

from __future__ import annotations

from common.errors import DialyticsError


class PipelineError(DialyticsError):
    """Root of the errors of the pipelines."""


class BusyError(PipelineError):
    """Another batch, backfill or reconcile is running."""


class LockLostError(PipelineError):
    """The lock is no longer certain; whatever was not published stays unpublished."""


class SourceError(PipelineError):
    """PostgreSQL does not answer."""


class SchemaDriftError(PipelineError):
    """The tables differ from what replication expects. The message lists every difference."""
