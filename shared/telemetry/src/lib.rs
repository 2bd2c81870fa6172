//! Logs, metrics and traces; context carriers for gRPC metadata and stream fields.
