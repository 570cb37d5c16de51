"""Trains, checks and certifies the organisms whose weights foresee ships."""
