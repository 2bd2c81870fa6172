//! Decides whether phone, name and id number belong together, and proves that it asked lawfully.

fn main() {}
