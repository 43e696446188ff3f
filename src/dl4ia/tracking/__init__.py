"""Runs and studies, shown in MLflow.

MLflow is a view: all it shows is read from run directories, evaluations and study directories, so that it can be lost
and rebuilt (`publish`). What is there already is found by `run_key` and not sent again. While a training goes on,
`Live` publishes from a thread of its own and never holds the training up.
"""
