//! Sealing and opening personal data under rotating keys; keyed tags for looking it up. Pure.
