//! Admission: sliding windows per number inside a service's script, GCRA leases for links and tenants.
