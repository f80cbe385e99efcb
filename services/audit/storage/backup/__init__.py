"""Reading the whole database for a backup, and loading it again."""
