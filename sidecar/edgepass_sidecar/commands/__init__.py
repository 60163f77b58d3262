"""Commands of `edgepass`, one module for each noun."""
