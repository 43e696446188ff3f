"""Which version of the code each stage depends on: `python -m pipeline.code` writes results/code.json."""

from pipeline import stage

if __name__ == "__main__":
    stage("code")
