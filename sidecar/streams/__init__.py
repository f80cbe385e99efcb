"""WebSocket streams, bridged to gRPC streams."""
