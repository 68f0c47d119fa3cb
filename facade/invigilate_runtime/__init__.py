"""The runtime of generated packages: descriptions of calls, their encoding, and the decoding of responses.

No I/O and no HTTP library. Generated packages import it, and so does the library that sends the requests.
"""

from ._calls import Call, Field, Operation, PagedCall, Pagination, Request, SharedFields
from ._decoding import UndecodableResponse, check_complete, load_json, read_json, read_page, read_response
from ._encoding import (
    FileInput,
    InvalidValue,
    comma_separated,
    dump,
    exact_float,
    format_timestamp,
    header_value,
    parse_timestamp,
    path_segment,
    query_pairs,
    read_file,
)
from ._types import UNSET, Response, UnexpectedStatus, Unset, read_field, show

__all__ = [
    "UNSET",
    "Call",
    "Field",
    "FileInput",
    "InvalidValue",
    "Operation",
    "PagedCall",
    "Pagination",
    "Request",
    "Response",
    "SharedFields",
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
    "read_file",
    "read_json",
    "read_page",
    "read_response",
    "show",
]
