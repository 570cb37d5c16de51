"""One file a category; each draws its pairs: `scene(pen, hazard)`, with the decisive thing or without it."""
