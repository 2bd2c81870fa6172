//! Generated messages, clients, servers and the descriptor set; nothing else. The source is the `proto` folder at the
//! top of the workspace, whose comments are the documentation here.
#![allow(missing_docs, clippy::pedantic, reason = "generated code")]

/// Nouns that several areas share.
pub mod common {
    pub mod v1 {
        tonic::include_proto!("hongyan.common.v1");
    }
}
/// Real-name verification.
pub mod verify {
    pub mod v1 {
        tonic::include_proto!("hongyan.verify.v1");
    }
}
/// Sending messages.
pub mod dispatch {
    pub mod v1 {
        tonic::include_proto!("hongyan.dispatch.v1");
    }
}
/// Texts from subscribers.
pub mod uplink {
    pub mod v1 {
        tonic::include_proto!("hongyan.uplink.v1");
    }
}
/// The record.
pub mod audit {
    pub mod v1 {
        tonic::include_proto!("hongyan.audit.v1");
    }
}
/// Links to carriers, and what travels on their streams.
pub mod carrier {
    pub mod v1 {
        tonic::include_proto!("hongyan.carrier.v1");
    }
}
/// What every service tells about its own process.
pub mod process {
    pub mod v1 {
        tonic::include_proto!("hongyan.process.v1");
    }
}

/// The descriptors of all the above, for gRPC reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/hongyan.binpb"));
