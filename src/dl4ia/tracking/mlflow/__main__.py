"""Print where a person sees the runs in MLflow: `python -m dl4ia.tracking.mlflow`, in a folder with a database.

MLflow's own first page opens on its half for language models, where there is nothing to see of trainings.
"""

from dl4ia.runs.layout import Layout
from dl4ia.tracking.mlflow import connect

if __name__ == "__main__":
    for name, address in connect(Layout()).all_pages.items():
        print(f"{name}: {address}", flush=True)  # noqa: T201
