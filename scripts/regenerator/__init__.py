"""Generates the client packages from the specifications in `openapi/`."""
