//! Merkle tree hashing as in RFC 6962. Pure.
