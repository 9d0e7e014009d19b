"""The plausibility report: what the outcomes are on the real figures, and whether they can be right."""
