"""Parts that several attacks share; no attacks themselves."""
