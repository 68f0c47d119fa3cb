"""An embedded, stateful server for all APIs of this library on loopback, for tests and for trying things out.

```python
from invigilate.sandbox import Sandbox

with Sandbox(seed=7, report_rows=240) as sandbox:
    print(sandbox.smarterproctoring_url, sandbox.token, sandbox.install_sid)
    assert sandbox.ledger == []
```

It is made from the same specs as the clients and shares nothing else with them: each request and each of its own
responses is checked against them. `INVENTED` lists what no page documents, so that the sandbox had to decide, and
`PERMITTED` what it lets pass. A response that rests on an invention has the header `X-Sandbox-Inferred`.

`sandbox.faults` makes it misbehave (see `invigilate.sandbox.faults`), and `Sandbox(behaviour=...)` makes it one of the
servers that the documentation leaves room for (see `BEHAVIOURS`).

It needs the extra `sandbox`: `pip install 'invigilate[sandbox]'`.
"""

from __future__ import annotations

from importlib.util import find_spec

for _module in ("openapi_core", "yaml"):
    if find_spec(_module) is None:
        raise ImportError(
            f"the sandbox needs {_module}; install it with: pip install 'invigilate[sandbox]'",
            name=_module,
        )

from . import faults  # noqa: E402  # only once the requirements are there
from .behaviours import BEHAVIOURS, Behaviour  # noqa: E402
from .exchange import Connection, Exchange, Hangup, Interceptor, Phase, Response  # noqa: E402
from .faults import FAULTS  # noqa: E402
from .inventions import Invention  # noqa: E402
from .listing import INVENTED, PERMITTED  # noqa: E402
from .records import Charge, Defect, Journal, Ledger, RecordedRequest  # noqa: E402
from .sandbox import Sandbox  # noqa: E402
from .smarterproctoring.properties import KnownSession  # noqa: E402

__all__ = [
    "BEHAVIOURS",
    "FAULTS",
    "INVENTED",
    "PERMITTED",
    "Behaviour",
    "Charge",
    "Connection",
    "Defect",
    "Exchange",
    "Hangup",
    "Interceptor",
    "Invention",
    "Journal",
    "KnownSession",
    "Ledger",
    "Phase",
    "RecordedRequest",
    "Response",
    "Sandbox",
    "faults",
]
