"""The services of Afterimage and the command that runs them."""
