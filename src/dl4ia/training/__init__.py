"""One training loop for both tasks, and what it minimises."""
