//! The declared world: tenants, callers, access numbers, templates, limits, links, routes, keyword rules; YAML, checked whole, reloaded.
