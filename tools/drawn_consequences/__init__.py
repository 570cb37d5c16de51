"""Draws the images of the benchmark drawn_consequences: a pen, parts by theme, a scene for each pair."""
