"""Optuna studies over the settings of a network; they read the training partition and nothing else."""
