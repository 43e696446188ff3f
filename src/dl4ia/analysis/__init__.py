"""What results mean: values only, computed from the tables in results/. Words for them are the report's."""
