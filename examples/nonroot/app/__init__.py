"""The opening hours of a public library, as a web site."""
