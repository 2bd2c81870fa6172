//! Holds the carriers' sessions: takes submits off the queues, puts receipts and uplinks on streams.
