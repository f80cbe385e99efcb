"""`afterimage up`: the processes of an installation, started, watched and ended together."""
