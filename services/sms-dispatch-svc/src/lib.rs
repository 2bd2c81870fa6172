//! Accepts messages once, decides their way, keeps their state; owner of the send queues.
