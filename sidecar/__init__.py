"""The sidecar: WebSocket and HTTP gateway for browsers in front of the gRPC services."""
