"""POST /api/v1/query: metrics by dimensions under filters, compiled onto fixed SQL.

The steps are the modules: parse (request), compile, run (result).
"""

from warehouse.query.errors import InvalidQueryError
from warehouse.query.filters import parse_filters
from warehouse.query.request import QueryRequest, parse
from warehouse.query.result import QueryAnswer, QueryRow
from warehouse.query.run import run

__all__ = [
    "InvalidQueryError",
    "QueryAnswer",
    "QueryRequest",
    "QueryRow",
    "parse",
    "parse_filters",
    "run",
]
