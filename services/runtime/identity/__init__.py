"""Identity: tokens and their keys, and the address of a peer."""
