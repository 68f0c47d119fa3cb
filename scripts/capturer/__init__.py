"""Reads saved documentation pages, drafts operations from them, and compares them with the specs."""
