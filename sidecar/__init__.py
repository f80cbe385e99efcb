"""The door for browsers: WebSockets and Connect over the gRPC services."""
