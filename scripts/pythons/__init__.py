"""Tests the built wheel on each Python of this machine: `./scripts/test-pythons --help`."""
