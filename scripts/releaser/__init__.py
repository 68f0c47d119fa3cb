"""Releases invigilate: prepares, checks, builds, tests, describes and uploads a version."""
