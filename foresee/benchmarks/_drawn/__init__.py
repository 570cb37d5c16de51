"""The pictures of drawn_consequences: a pen, parts by theme, a scene for each pair."""
