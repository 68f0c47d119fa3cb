"""Releases invigilate: prepares, checks, builds, tries, describes and uploads a version."""
