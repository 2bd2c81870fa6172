//! Which way messages take when numbers move and links fail, and how replicas share a carrier's logins.

use std::{collections::BTreeMap, time::Duration};

use hongyan_integration_tests::harness::{
    mesh::{Client, Gateway, Mesh, MeshOptions, Spoken},
    traffic::{ReceiptWatcher, send_all},
    wait,
};
use hongyan_proto::{
    carrier::v1::{GetLinksRequest, LinkState},
    common::v1::{Carrier, MessageClass},
    dispatch::v1::{GetMessageResponse, GetQueuesRequest, SendMessageRequest},
};
use serde_json::json;

use crate::support::{
    BUREAU, BUREAU_NUMBER, INSURER, OPERATOR, OwnMesh, PATIENCE, accept, final_state, fresh_number,
    fresh_request, ids, status_of,
};

/// What links say "no route" to goes to the others.
const FALLBACK: &str = "fallback: [telecom-a, unicom-a, cmcc-a]\n";

const CMCC: usize = 0;
const TELECOM: usize = 2;

/// Leases as short as is allowed, so that the tests wait for seconds where people wait for half a minute.
fn impatient(options: &mut MeshOptions) {
    for (program, key, value) in [
        ("sms-dispatch-svc", "routing.link_down_after_ms", "1500"),
        ("carrier-link-svc", "link.down_after_ms", "1500"),
        ("carrier-link-svc", "link.lease_ms", "2000"),
        ("carrier-link-svc", "link.slot_ttl_ms", "1500"),
        ("carrier-link-svc", "link.reconnect_first_ms", "100"),
        ("carrier-link-svc", "link.reconnect_most_ms", "500"),
    ] {
        options.set(program, key, value);
    }
}

async fn send_to(client: &Client, phone: &str) -> GetMessageResponse {
    let request = SendMessageRequest {
        phone: phone.to_owned(),
        ..fresh_request(MessageClass::Notice, "您的参保信息已更新。")
    };
    let id = accept(client, request).await;
    final_state(client, &id).await
}

fn story(message: &GetMessageResponse) -> Vec<&str> {
    message.events.iter().map(|event| event.event.as_str()).collect()
}

/// A counter of dispatch's, over all its labels that hold this.
async fn counted(mesh: &mut Mesh, name: &str, with: &str) -> u64 {
    let metrics = mesh.program("sms-dispatch-svc").unwrap().metrics().await.unwrap();
    let lines = metrics
        .lines()
        .filter(|line| line.starts_with(name) && line.contains(with));
    lines
        .filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
        .sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_moved_is_found_once_and_then_served_straight() {
    let mut mesh = OwnMesh::with(|options| {
        options.spoken.insert("telecom-a".to_owned(), Spoken::Smgp3);
        options.catalog = Some(Box::new(|files| {
            files.routes.push_str(FALLBACK);
            Ok(())
        }));
    })
    .await;
    let bureau = mesh.client(BUREAU).await.unwrap();
    let gateways = mesh.gateways();
    let phone = fresh_number();
    let no_route = json!({"rules": [{"number": phone, "then": {"result": "no_route"}}]});
    gateways[CMCC].set_faults(&no_route).await.unwrap();

    let first = send_to(&bureau, &phone).await;
    assert_eq!(status_of(&first), "DELIVERED");
    assert_eq!(
        (
            first.link.as_str(),
            first.rerouted_from.as_str(),
            first.reroute_reason.as_str()
        ),
        ("telecom-a", "cmcc-a", "NO_ROUTE")
    );
    assert_eq!(first.carrier(), Carrier::ChinaTelecom);
    assert!(!first.possible_duplicate);
    let told = story(&first);
    for event in ["RETURNED", "REROUTED", "SUBMITTED", "DELIVERED"] {
        assert!(told.contains(&event), "{event} in {told:?}");
    }

    for _ in 0..3 {
        let next = send_to(&bureau, &phone).await;
        assert_eq!(
            (next.link.as_str(), next.rerouted_from.as_str()),
            ("telecom-a", "")
        );
        assert_eq!(status_of(&next), "DELIVERED");
    }
    assert_eq!(
        gateways[CMCC].taken(Some(&phone)).await.unwrap().len(),
        1,
        "asked once, for the first"
    );
    assert_eq!(gateways[TELECOM].taken(Some(&phone)).await.unwrap().len(), 4);

    // It moves on, to Unicom: its next text says so.
    gateways[1]
        .uplink(&phone, BUREAU_NUMBER, "退订以外的话")
        .await
        .unwrap();
    let name = "hongyan_dispatch_carriers_learned_total";
    for _ in 0..PATIENCE.as_millis() / 50 {
        if counted(&mut mesh, name, "UPLINK").await > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(counted(&mut mesh, name, "NO_ROUTE").await, 1);
    let last = send_to(&bureau, &phone).await;
    assert_eq!(
        (last.link.as_str(), last.rerouted_from.as_str()),
        ("unicom-a", "")
    );

    let shown = mesh
        .cli(OPERATOR)
        .unwrap()
        .run(&["message", "show", &first.message_id])
        .await
        .unwrap();
    assert!(
        shown.success && shown.stdout.contains("REROUTED"),
        "{}",
        shown.stdout
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_asked_a_third_time() {
    let mesh = OwnMesh::with(|options| {
        options.catalog = Some(Box::new(|files| {
            files.routes.push_str(FALLBACK);
            Ok(())
        }));
    })
    .await;
    let bureau = mesh.client(BUREAU).await.unwrap();
    let phone = fresh_number();
    let no_route = json!({"rules": [{"number": phone, "then": {"result": "no_route"}}]});
    for gateway in mesh.gateways() {
        gateway.set_faults(&no_route).await.unwrap();
    }
    let message = send_to(&bureau, &phone).await;
    assert_eq!(status_of(&message), "REJECTED");
    let mut asked = 0;
    for gateway in mesh.gateways() {
        asked += gateway.taken(Some(&phone)).await.unwrap().len();
    }
    assert_eq!(asked, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_rerouted_is_lost_by_no_kill_and_sent_by_no_kill_twice() {
    let mut mesh = OwnMesh::with(|options| {
        impatient(options);
        options.catalog = Some(Box::new(|files| {
            files.routes.push_str(FALLBACK);
            files.set_link("cmcc-a", "pace_segments_per_second", "200")
        }));
    })
    .await;
    let insurer = mesh.client(INSURER).await.unwrap();
    let watcher = ReceiptWatcher::start(&insurer, "rerouted").unwrap();
    let gateways = mesh.gateways();
    let no_route = json!({"rules": [{"then": {"result": "no_route"}}]});
    gateways[CMCC].set_faults(&no_route).await.unwrap();
    let sent: Vec<SendMessageRequest> = (0..400)
        .map(|_| fresh_request(MessageClass::Otp, "您的验证码是161803。"))
        .collect();
    let answers = send_all(&insurer, &sent, PATIENCE).await.unwrap();
    assert!(answers.refused.is_empty(), "{:?}", answers.refused);
    for (victim, after) in [("sms-dispatch-svc", 50), ("carrier-link-svc", 150)] {
        wait::until("some have gone another way", PATIENCE, || async {
            (gateways[TELECOM].taken(None).await.ok()?.len() >= after).then_some(())
        })
        .await
        .unwrap();
        mesh.kill(victim).unwrap();
        mesh.restart(victim).await.unwrap();
    }
    watcher.wait_for(&ids(&answers), PATIENCE).await.unwrap();
    let mut fates: BTreeMap<String, usize> = BTreeMap::new();
    for id in ids(&answers) {
        let message = final_state(&insurer, &id).await;
        let raw_code = message.status.as_ref().unwrap().raw_code.clone();
        *fates
            .entry(format!("{} {raw_code}", status_of(&message)))
            .or_default() += 1;
    }
    // What was with a carrier in the moment that the link was killed is in doubt, and a code is then not sent again.
    let certain = fates.get("DELIVERED DELIVRD").copied().unwrap_or(0);
    let in_doubt = fates.get("UNKNOWN UNCERTAIN").copied().unwrap_or(0);
    assert_eq!(certain + in_doubt, sent.len(), "{fates:?}");
    assert!(in_doubt < 100, "{fates:?}");
    let counts = taken(&gateways[TELECOM], &sent).await;
    assert!(counts.values().all(|count| *count <= 1), "a code left twice");
}

/// How often each of these came to a carrier.
async fn taken(gateway: &Gateway, sent: &[SendMessageRequest]) -> BTreeMap<String, usize> {
    let mut taken: BTreeMap<String, usize> = sent.iter().map(|request| (request.phone.clone(), 0)).collect();
    for segment in gateway.taken(None).await.unwrap() {
        if let Some(count) = taken.get_mut(&segment.number) {
            *count += 1;
        }
    }
    taken
}

async fn is_down(operator: &Client, link: &str) -> bool {
    let mut dispatch = operator.dispatch().unwrap();
    let Ok(queues) = dispatch.get_queues(GetQueuesRequest {}).await else {
        return false;
    };
    let links = queues.into_inner().links;
    links.iter().any(|state| state.link == link && state.down)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_a_link_that_is_down_leaves_by_the_other_one_once_though_dispatch_is_killed() {
    let mut mesh = OwnMesh::with(|options| {
        impatient(options);
        options.catalog = Some(Box::new(|files| {
            files.routes = files.routes.replace("[cmcc-a]", "[cmcc-a, telecom-a]");
            Ok(())
        }));
    })
    .await;
    let insurer = mesh.client(INSURER).await.unwrap();
    let operator = mesh.client(OPERATOR).await.unwrap();
    let watcher = ReceiptWatcher::start(&insurer, "failover").unwrap();
    mesh.kill("gateway-cmcc-a").unwrap();
    let classes = [MessageClass::Otp, MessageClass::Notice, MessageClass::Bulk];
    let sent: Vec<SendMessageRequest> = (0..300)
        .map(|n| fresh_request(classes[n % 3], "您的编号已生效。"))
        .collect();
    let answers = send_all(&insurer, &sent, PATIENCE).await.unwrap();
    assert!(answers.refused.is_empty(), "{:?}", answers.refused);
    wait::until("the link is down for routing", PATIENCE, || async {
        is_down(&operator, "cmcc-a").await.then_some(())
    })
    .await
    .unwrap();
    // In the middle of the move, as far as that can be hit.
    mesh.kill("sms-dispatch-svc").unwrap();
    mesh.restart("sms-dispatch-svc").await.unwrap();
    watcher.wait_for(&ids(&answers), PATIENCE).await.unwrap();
    for id in ids(&answers) {
        let message = final_state(&insurer, &id).await;
        assert_eq!(status_of(&message), "DELIVERED");
        assert_eq!(message.link, "telecom-a");
    }
    let counts = taken(&mesh.gateways()[TELECOM], &sent).await;
    assert!(counts.values().all(|count| *count == 1), "{counts:?}");

    // A process that has just started lets every link have its time first.
    wait::until("the link is down for the new process too", PATIENCE, || async {
        is_down(&operator, "cmcc-a").await.then_some(())
    })
    .await
    .unwrap();
    let straight = fresh_request(MessageClass::Otp, "您的验证码是314159。");
    let id = accept(&insurer, straight).await;
    let message = final_state(&insurer, &id).await;
    assert_eq!(
        (message.link.as_str(), message.rerouted_from.as_str()),
        ("telecom-a", "")
    );

    mesh.restart("gateway-cmcc-a").await.unwrap();
    wait::until("the link is up again", PATIENCE, || async {
        (!is_down(&operator, "cmcc-a").await).then_some(())
    })
    .await
    .unwrap();
    let id = accept(&insurer, fresh_request(MessageClass::Otp, "您的验证码是271828。")).await;
    assert_eq!(final_state(&insurer, &id).await.link, "cmcc-a");
}

/// Connections of a link that are ready, in each replica that answers.
async fn ready(operator: &Client, replica: usize) -> usize {
    let answer = match operator.link(replica) {
        Ok(mut link) => link.get_links(GetLinksRequest {}).await,
        Err(_) => return 0,
    };
    let Ok(links) = answer else {
        return 0;
    };
    let of_link = |link: &&LinkState| link.link == "cmcc-a";
    let links = links.into_inner().links;
    links.iter().find(of_link).map_or(0, |link| {
        link.connections
            .iter()
            .filter(|connection| connection.state == "READY")
            .count()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_share_three_logins_and_one_takes_over_what_the_other_leaves() {
    const LOGINS: usize = 3;
    let mut mesh = OwnMesh::with(|options| {
        impatient(options);
        options.link_replicas = 2;
        options.catalog = Some(Box::new(|files| {
            files.set_link("cmcc-a", "connections", &LOGINS.to_string())?;
            files.set_link("cmcc-a", "pace_segments_per_second", "200")
        }));
    })
    .await;
    let insurer = mesh.client(INSURER).await.unwrap();
    let operator = mesh.client(OPERATOR).await.unwrap();
    let watcher = ReceiptWatcher::start(&insurer, "replicas").unwrap();
    wait::until("both replicas hold the three logins", PATIENCE, || async {
        (ready(&operator, 0).await + ready(&operator, 1).await == LOGINS).then_some(())
    })
    .await
    .unwrap();
    let sent: Vec<SendMessageRequest> = (0..1_000)
        .map(|_| fresh_request(MessageClass::Notice, "您的保单已生效。"))
        .collect();
    let answers = send_all(&insurer, &sent, PATIENCE).await.unwrap();
    wait::until("the carrier is at work", PATIENCE, || async {
        (mesh.gateways()[CMCC].taken(None).await.ok()?.len() >= 200).then_some(())
    })
    .await
    .unwrap();
    mesh.kill("carrier-link-svc").unwrap();
    wait::until("the other replica holds all three", PATIENCE, || async {
        (ready(&operator, 1).await == LOGINS).then_some(())
    })
    .await
    .unwrap();
    watcher.wait_for(&ids(&answers), PATIENCE).await.unwrap();
    mesh.restart("carrier-link-svc").await.unwrap();
    let counts = taken(&mesh.gateways()[CMCC], &sent).await;
    assert!(counts.values().all(|count| *count >= 1), "something was lost");

    let stats = mesh.gateways()[CMCC].stats().await.unwrap();
    let account = &stats["accounts"]["901234"];
    assert_eq!(account["refused_over_limit"], 0, "{account}");
    let most = account["most_at_once"].as_u64().unwrap();
    assert!((1..=LOGINS as u64).contains(&most), "{account}");
}
