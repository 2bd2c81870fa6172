//! Keeps the record that nobody can rewrite, and answers questions about it.
