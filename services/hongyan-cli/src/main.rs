//! The operator's hand: send, verify, follow one message, check the record.

fn main() {}
