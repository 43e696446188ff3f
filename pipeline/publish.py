"""Every run and study on disk, in MLflow: `python -m pipeline.publish`."""

from pipeline import stage

if __name__ == "__main__":
    stage("publish")
