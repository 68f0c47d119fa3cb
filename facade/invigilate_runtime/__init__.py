"""The runtime of generated packages: descriptions of calls, their encoding, and the decoding of responses.

No I/O and no HTTP library. Generated packages import it, and so does the library that sends the requests.
"""

from ._calls import Call, Field, Operation, PagedCall, Pagination, Request
from ._decoding import UndecodableResponse, check_complete, load_json, read_json, read_page, read_string
from ._encoding import (
    InvalidValue,
    comma_separated,
    dump,
    exact_float,
    format_timestamp,
    header_value,
    parse_timestamp,
    path_segment,
    query_pairs,
)
from ._types import UNSET, Response, UnexpectedStatus, Unset, read_field, show

__all__ = [
    "UNSET",
    "Call",
    "Field",
    "InvalidValue",
    "Operation",
    "PagedCall",
    "Pagination",
    "Request",
    "Response",
    "UndecodableResponse",
    "UnexpectedStatus",
    "Unset",
    "check_complete",
    "comma_separated",
    "dump",
    "exact_float",
    "format_timestamp",
    "header_value",
    "load_json",
    "parse_timestamp",
    "path_segment",
    "query_pairs",
    "read_field",
    "read_json",
    "read_page",
    "read_string",
    "show",
]
