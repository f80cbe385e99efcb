"""gRPC: server life cycle, interceptors, authorization, paging and metrics."""
