"""Published files, or the stand-in, to arrays in out/dataset/: `python -m pipeline.download TASK`."""

from pipeline import stage

if __name__ == "__main__":
    stage("download")
