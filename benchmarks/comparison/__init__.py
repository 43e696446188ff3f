"""This project beside what a user would pick instead, measured side by side: `python -m benchmarks.comparison`."""
