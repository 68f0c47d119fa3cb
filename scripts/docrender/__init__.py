"""Renders the parts of the documentation that are facts of the code."""
