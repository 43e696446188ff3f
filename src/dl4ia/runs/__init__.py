"""Runs on disk, and the work that makes them: training and evaluation."""
