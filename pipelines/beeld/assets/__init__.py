"""Dagster only: a thin shell over the functions that the command line calls."""
