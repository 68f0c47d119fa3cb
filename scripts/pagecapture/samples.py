"""Examples for a draft: the values of a page's sample, with placeholders replaced by fitting values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pagecheck.facts import MISSING
from pagecheck.specification import Spec
from pagecheck.values import as_array, as_object, is_placeholder

from .components import TIME, TIMESTAMP, TODO, sid_example


def example_for(spec: Spec, schema: Mapping[str, Any], sample: Any, *, answer: bool) -> Any:
    """Return an example of a body.

    Args:
        spec: the draft, which resolves the references of the schema.
        schema: the schema of the body.
        sample: the page's sample, or `MISSING`.
        answer: whether it is a response, where null is an example of a nullable string.

    Returns:
        The sample with its placeholders replaced, as far as the schema has values; `TODO` elsewhere.
    """
    whole = spec.resolve(schema)
    branches = [spec.resolve(item) for item in whole.get("anyOf", ())]
    fitting = [item for item in branches if item.get("type") != "null"]
    members, items = as_object(sample), as_array(sample)
    if branches and members is not None:
        whole = next((item for item in fitting if "properties" in item), whole)
    elif branches and items is not None:
        whole = next((item for item in fitting if "items" in item), whole)
    elif fitting:
        whole = {**fitting[0], "nullable": len(fitting) < len(branches), **whole}
    if members is not None:
        known = whole.get("properties", {})
        return {name: example_for(spec, known.get(name, {}), value, answer=answer) for name, value in members.items()}
    if items is not None:
        return [example_for(spec, whole.get("items", {}), item, answer=answer) for item in items]
    if sample is not MISSING and not is_placeholder(sample):
        return sample
    return _value(spec, whole, sample, answer=answer)


def _value(spec: Spec, schema: Mapping[str, Any], sample: Any, *, answer: bool) -> Any:
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if schema.get("examples"):
        return schema["examples"][0]
    if schema.get("enum"):
        return schema["enum"][0]
    if isinstance(sample, str) and "string" in kinds:
        return _text(schema, nullable=answer and "null" in kinds)
    if "array" in kinds:
        return [example_for(spec, schema.get("items", {}), MISSING, answer=answer)]
    if "object" in kinds:
        known = schema.get("properties", {})
        return {name: example_for(spec, member, MISSING, answer=answer) for name, member in known.items()}
    if "boolean" in kinds:
        return True
    if "number" in kinds or "integer" in kinds:
        return _number(schema, 1 if sample is MISSING else sample)
    return _text(schema, nullable=answer and ("null" in kinds or bool(schema.get("nullable"))))


def _text(schema: Mapping[str, Any], *, nullable: bool) -> str | None:
    pattern = schema.get("pattern", "")
    if nullable:
        return None
    return TIME if pattern == TIMESTAMP else sid_example(pattern) or TODO


def _number(schema: Mapping[str, Any], wanted: Any) -> Any:
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    step = schema.get("multipleOf", 1)
    if not isinstance(wanted, int | float) or isinstance(wanted, bool):
        wanted = step
    for value in (wanted, step, low, high, *(bound + step for bound in (low, above) if bound is not None)):
        if (
            value is not None
            and (low is None or value >= low)
            and (high is None or value <= high)
            and (above is None or value > above)
            and (below is None or value < below)
            and value % step == 0
        ):
            return value
    return TODO
