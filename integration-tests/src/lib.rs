//! The harness (private Redis, test CA, process runner, simulators, trace sink) and the mesh as its users see it.
