//! The nouns of the house and their invariants: numbers, ids, carriers, statuses, segments. Pure.
