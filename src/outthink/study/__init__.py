"""Studies: runs turned into figures with intervals. Nothing is imported here: `--help` needs no numpy."""
