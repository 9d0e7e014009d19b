"""Profiles, texts, charts, maps and pages, laid out from a release."""
