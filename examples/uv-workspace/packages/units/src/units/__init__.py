"""Conversion of units of measurement."""

from importlib.resources import files

import yaml

FACTORS = yaml.safe_load(files("units").joinpath("factors.yaml").read_text())


def convert(value, source, target):
    """A length in another unit."""
    return round(value * FACTORS[source] / FACTORS[target], 3)
