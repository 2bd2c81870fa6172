//! The carriers' protocols, sans IO: frames, PDUs, text codings, session state machines. Pure.
