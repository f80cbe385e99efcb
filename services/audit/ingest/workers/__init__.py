"""Worker pool that processes chunks outside the gRPC process's GIL."""
