"""Postal codes and where they are."""
