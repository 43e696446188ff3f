"""The runs of one variant or ensemble on the test sets: `python -m pipeline.evaluate NAME` writes results/<name>/."""

from pipeline import stage

if __name__ == "__main__":
    stage("evaluate")
