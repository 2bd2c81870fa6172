//! `make bench`: what the mesh does, as ratios to floors of the same shape measured in the same run.

pub mod drive;
pub mod end_to_end;
pub mod floor_grpc;
pub mod floor_redis;
pub mod floors;
pub mod latency;
pub mod load;
pub mod report;
pub mod runner;
pub mod usage;
pub mod verify_load;
