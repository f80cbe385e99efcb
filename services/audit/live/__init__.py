"""Live: chunks and changes of sessions, from recorders to viewers in every process."""
