"""Drafts an operation from a saved documentation page, and finds where pages and specs have drifted apart."""
