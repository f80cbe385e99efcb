"""The sidecar: the door for browsers, WebSockets and HTTP in front of the gRPC services."""
