"""Throughput and overhead, measured on the real data."""
