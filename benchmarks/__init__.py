"""Measurements, mostly as ratios against a reference in the same run: ./run bench NAME [--json]."""
