"""The report as one file that a browser opens without a network: the values of `report.md`, with interactive charts."""
