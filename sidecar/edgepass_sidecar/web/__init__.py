"""What the sidecar serves to browsers."""
