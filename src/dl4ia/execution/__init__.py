"""Where work runs and how it ends: executor protocol, local processes, a Dask cluster, signals, process identity."""
