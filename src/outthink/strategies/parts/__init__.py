"""What several strategies are made of. Nothing here is a strategy."""
