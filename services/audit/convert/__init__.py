"""Conversion between the contract's messages and the domain's values. No other package of the domain uses protobuf."""
