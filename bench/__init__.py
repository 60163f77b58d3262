"""What edgepass costs, next to its peers: `python -m bench`."""
