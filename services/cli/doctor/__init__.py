"""`afterimage doctor`: says why something does not work, and what to do."""
