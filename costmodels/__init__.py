"""What networks cost: counts, latency tables, and choices under hard budgets."""
