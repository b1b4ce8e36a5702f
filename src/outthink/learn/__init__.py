"""Learning: step labels from rollouts, reward models and policies trained on them, and what a verifier is worth."""
