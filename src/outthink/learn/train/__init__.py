"""Training: reward models on labelled solutions, policies on solutions that are known to be right."""
