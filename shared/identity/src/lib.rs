//! Who a peer is and what it may call: SPIFFE ids, live credentials, acceptor, connector, the method table.
