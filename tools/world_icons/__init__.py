"""Draws the sprites of the drawn world: a pen, drawings by theme, a sheet for each size."""
