"""Drafts an operation from a saved documentation page, and reports where pages and specs differ."""
