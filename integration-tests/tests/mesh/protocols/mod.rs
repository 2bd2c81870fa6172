//! The same conversation in each protocol, and what becomes of it whatever the carrier's gateway does wrong.
//!
//! Two meshes of three links each speak the six of them: the tests below run once for each mesh, its three links side by
//! side, and nothing in them knows a protocol but by what it lacks.

mod connections;
mod conversation;
mod line;
mod messages;
mod uplinks;

use hongyan_integration_tests::harness::mesh::Spoken;

use line::{Line, Lines};

/// The links `cmcc-a`, `unicom-a` and `telecom-a` of one mesh.
const FIRST: [Spoken; 3] = [Spoken::Cmpp3, Spoken::Sgip, Spoken::Smgp3];
/// And of the other.
const SECOND: [Spoken; 3] = [Spoken::Cmpp2, Spoken::Smpp, Spoken::Smgp1];

/// Everything that is promised of a mesh that speaks these.
async fn all(spoken: [Spoken; 3]) {
    let lines = Lines::start(spoken).await;
    // What happens to one message or one uplink leaves the others alone: all at once.
    lines.each(async |line| conversation::is_held(line).await).await;
    let wrong = lines
        .each(async |line| messages::with_another_fate_than_their_carriers(line).await)
        .await;
    assert_eq!(wrong.concat(), [""; 0]);
    lines
        .each(async |line| uplinks::are_read_however_they_come(line).await)
        .await;
    // What happens to a connection happens to everything on it: one after the other.
    lines
        .each(async |line| {
            connections::come_back_whatever_happens_to_them(line).await;
            conversation::is_held(line).await;
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cmpp_3_0_and_sgip_1_2_and_smgp_3_0() {
    all(FIRST).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cmpp_2_0_and_smpp_3_4_and_smgp_1_3() {
    all(SECOND).await;
}
