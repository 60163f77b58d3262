"""Apps that show how edgepass is used."""
