"""What a verifier is worth: finding first errors, judging steps, and the answers chosen by its scores."""
