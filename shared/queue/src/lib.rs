//! Durable work over Redis Streams: send, receive, settle, reclaim, dead-letter, trim; cursors over feeds.
