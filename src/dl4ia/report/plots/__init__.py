"""The figures of the report; each function returns one, in the common style of `tasks.figures`."""
