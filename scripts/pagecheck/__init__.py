"""Compares saved documentation pages with the specs, fact by fact and in both directions."""
