"""Means and extremes of temperature readings."""
