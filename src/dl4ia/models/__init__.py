"""The networks of the report, as lists of layers."""
