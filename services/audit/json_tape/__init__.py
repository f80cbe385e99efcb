"""The walk through a chunk: one pass over its JSON that finds events, nodes and strings where they stand."""
