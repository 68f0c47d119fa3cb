"""The software bill of materials: the wheel and its dependencies, as CycloneDX, the same for the same commit."""

from __future__ import annotations

import json
import re
from pathlib import Path

from .process import Failed, Refused, outside, python, run
from .repository import Repository

# Files of an npm package that are in the wheel unchanged.
_VENDORED = Path("facade/invigilate/sandbox/explorer/swagger-ui/package.json")
_DYNAMIC = re.compile(r"^dynamic = \[.*\]$", re.MULTILINE)


def write(repository: Repository, inside: Path, wheel: Path, digest: str, output: Path) -> None:
    """Describe an environment with the wheel, its dependencies and nothing else.

    Args:
        repository: the tree that was built.
        inside: the Python of the environment.
        wheel: the wheel.
        digest: its SHA-256 in hexadecimal digits.
        output: the output file.

    Raises:
        Failed: if the environment cannot be described.
        Refused: if the description contains a path of this machine, or lacks the version.
    """
    # Imported late: it takes a second.
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    version = wheel.name.split("-")[1]
    # The main component is read from pyproject.toml, which leaves some fields to the build.
    text = (repository.root / "pyproject.toml").read_text(encoding="utf-8")
    static, count = _DYNAMIC.subn(f'version = "{version}"', text)
    if count != 1:
        raise Refused("pyproject.toml: expected one line dynamic = [...]")
    project = output.with_name("pyproject.toml")
    project.write_text(static, encoding="utf-8")
    # Validated below, once it is complete.
    options = ("--pyproject", project, "--mc-type", "library", "--sv", "1.6", "--output-reproducible", "--no-validate")
    environment = outside(SOURCE_DATE_EPOCH=str(repository.epoch))
    command = python("-m", "cyclonedx_py", "environment", inside)
    run(*command, *options, "-o", output, cwd=output.parent, environment=environment)
    project.unlink()

    bill = json.loads(output.read_text(encoding="utf-8"))
    main = bill["metadata"]["component"]
    # The environment does not record which file was installed.
    main["purl"] = f"pkg:pypi/{main['name']}@{version}"
    main["hashes"] = [{"alg": "SHA-256", "content": digest}]
    package = json.loads((repository.root / _VENDORED).read_text(encoding="utf-8"))
    vendored = {name: package[name] for name in ("name", "version")} | {"type": "library"}
    vendored["purl"] = vendored["bom-ref"] = f"pkg:npm/{package['name']}@{package['version']}"
    vendored["licenses"] = [{"license": {"id": package["license"]}}]
    bill.setdefault("components", []).append(vendored)
    written = json.dumps(bill, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(written)
    if wrong is not None:
        raise Failed(f"the bill of materials is not valid CycloneDX: {wrong}")
    if main.get("version") != version or str(inside.parents[1]) in written or str(repository.root) in written:
        raise Refused("the bill of materials lacks the version, or contains a path of this machine")
    output.write_text(written, encoding="utf-8", newline="\n")
