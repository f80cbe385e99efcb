"""AuditService: records, lists, replays and deletes sessions."""
