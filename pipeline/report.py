"""Tables, figures and the report that shows them: `python -m pipeline.report` writes results/*.csv and report/."""

from pipeline import stage

if __name__ == "__main__":
    stage("report")
