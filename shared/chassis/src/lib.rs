//! Turns a service into a process: layers, health, admin port, dialer, signals, drain.
