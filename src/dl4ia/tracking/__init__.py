"""Runs, ensembles and studies in an experiment tracker.

A tracker is a view: all it shows is read from run directories, results and study directories, so that it can be lost
and recreated (`live.publish`). Views (`runs`, `studies`) turn files into records, and a `Tracker` brings itself up to
date with records; `mlflow` is the only package that knows MLflow. While a training runs, `live.Live` follows it from a
thread of its own and never holds it up.
"""
