"""The sidecar: owns sessions in a real store and mints 60-second tokens for them."""
