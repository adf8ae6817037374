"""Measurements: `python -m bench NAME` prints one JSON document, each figure beside a baseline of the same run."""
