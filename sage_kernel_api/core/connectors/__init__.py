"""Ready-made sources with exact positions, and sinks that commit.

Each module is loaded when a pipeline uses it. docs/connectors.md says what each one promises.
"""
