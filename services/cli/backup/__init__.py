"""`afterimage backup` and `afterimage restore`: a whole installation as a directory of files."""
