//! Turns a subscriber's text into a question, and the answer into a reply.
