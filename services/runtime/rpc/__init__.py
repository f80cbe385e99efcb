"""gRPC as both services and the sidecar use it."""
