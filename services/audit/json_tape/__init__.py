"""The walk through a chunk: one pass over its JSON that locates events, nodes and strings."""
