"""The documentation site: pages gathered from the repository, built by Zensical."""
