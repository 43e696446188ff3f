"""Does the code of a revision compute the same as now, to the bit: `python -m pipeline.same REV`."""

from pipeline import stage

if __name__ == "__main__":
    stage("same")
