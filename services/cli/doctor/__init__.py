"""`afterimage doctor`: diagnoses the installation, with the fix for each problem."""
