"""Compares a spec with the facts of a vendor's own OpenAPI document; see openapi/README.md."""
