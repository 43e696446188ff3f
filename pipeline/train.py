"""All seeds of one variant, side by side: `python -m pipeline.train VARIANT` writes out/runs/<variant>/."""

from pipeline import stage

if __name__ == "__main__":
    stage("train")
