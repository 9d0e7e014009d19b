"""Beeld van de Wijk: open Dutch statistics turned into an honest picture of a neighbourhood."""

__version__ = "0.1.0"
METHOD_VERSION = "4"
"""Version of the formulas of METHOD.md; a change of method is a new version, never a silent one."""
