"""What the command line prints: tables, trees, lists and progress, drawn with rich."""
