"""Optuna studies over the space around the segmenter; they see the training partition and nothing else."""
