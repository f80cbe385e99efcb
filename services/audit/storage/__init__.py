"""Storage: the tables, the engines that hold them, and everything that is read from or written to them."""
