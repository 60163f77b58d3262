"""A sidecar and a small app side by side: `python -m examples.demo`."""
