"""The network of each task to use first: `python -m pipeline.champion TASK` writes models/<task>/."""

from pipeline import stage

if __name__ == "__main__":
    stage("champion")
