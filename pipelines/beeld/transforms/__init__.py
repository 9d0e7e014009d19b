"""From archived bytes to indicators, scores and signals: plain functions over DuckDB."""
