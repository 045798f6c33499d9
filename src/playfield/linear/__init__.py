"""Linear learners and what they need: encoders, policies, compiled worlds. Torch is never imported."""
