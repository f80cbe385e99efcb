"""Between the contract's messages and the domain's values. Protobuf does not go further in than this."""
