"""Metrics of single images and of sets of images."""
