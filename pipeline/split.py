"""Which training images validate, in out/split/: `python -m pipeline.split TASK`."""

from pipeline import stage

if __name__ == "__main__":
    stage("split")
