//! Six links at their pace: no second sees more segments than agreed with the carrier, and while work waits hardly a place
//! in it stays empty.
//!
//! `make soak` runs this for longer, with optimised programs and nothing beside it.

use std::time::Duration;

use anyhow::Context as _;
use hongyan_integration_tests::harness::{
    mesh::{CatalogFiles, LINKS_OF_THE_EXAMPLE, MeshOptions},
    traffic::{request, send_all},
    wait,
};
use hongyan_proto::{common::v1::MessageClass, dispatch::v1::SendMessageRequest};
use serde_json::Value;

use crate::support::{INSURER, OwnMesh};

/// Segments a second on each link.
const PACE: u64 = 200;
/// How many seconds' worth of work each link gets, where the setting does not say.
const SECONDS: u64 = 20;
/// The setting: seconds, for `make soak`. Then the marks are asserted as they stand. Beside other tests a gateway that gets
/// no processor for a moment counts what came meanwhile as if it had come at once, and how much of the pace is used depends
/// on what the others leave.
const SETTING: &str = "HONGYAN_SOAK_SECONDS";
/// What a gateway may count too much in a second while other tests run beside it.
const LATENESS: u64 = PACE / 4;
/// How much of the pace is used while work waits, at least.
const LEAST_USED: f64 = 0.98;

/// A second link beside each of the example's: the same gateway, another account there.
fn double(files: &mut CatalogFiles) -> anyhow::Result<()> {
    for link in LINKS_OF_THE_EXAMPLE {
        let begin = format!("  - name: {}", link.name);
        let (_, rest) = files.links.split_once(&begin).context("the example's link")?;
        let block = rest.split("\n  - ").next().unwrap_or_default();
        let (_, fields) = block.split_once('\n').context("its fields")?;
        let name = link.name.replace("-a", "-b");
        let fields = fields.trim_end().replace(link.sp_id, &twin_account(link.sp_id));
        let block = format!("  - name: {name}\n{fields}\n");
        if !files.links.ends_with('\n') {
            files.links.push('\n');
        }
        files.links.push_str(&block);
        files.routes = files.routes.replace(
            &format!("[{}]", link.name),
            &format!(
                "[{{name: {}, weight: 1}}, {{name: {name}, weight: 1}}]",
                link.name
            ),
        );
        for of in [link.name, &name] {
            files.set_link(of, "pace_segments_per_second", &PACE.to_string())?;
            files.set_link(of, "connections", "2")?;
        }
    }
    Ok(())
}

fn twin_account(sp_id: &str) -> String {
    format!("8{}", &sp_id[1..])
}

fn six_links(options: &mut MeshOptions) {
    options.traced = false;
    for link in LINKS_OF_THE_EXAMPLE {
        options.args.insert(
            format!("gateway-{}", link.name),
            vec![format!("--account={}:{}", twin_account(link.sp_id), link.secret)],
        );
    }
    options.catalog = Some(Box::new(double));
}

/// One message to each of so many numbers, the carriers in turn.
fn messages(count: u64) -> Vec<SendMessageRequest> {
    const PREFIXES: [u64; 3] = [139, 186, 189];
    (0..count)
        .map(|n| {
            let prefix = PREFIXES[n as usize % PREFIXES.len()];
            let phone = format!("{prefix}{:08}", n / 3);
            request(
                &format!("pace-{n}"),
                &phone,
                MessageClass::Notice,
                "您的保单已生效。",
            )
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
#[allow(clippy::print_stdout, reason = "what was reached is worth seeing")]
async fn no_second_sees_more_than_the_pace_and_it_is_used_while_work_waits() {
    let setting: Option<u64> = std::env::var(SETTING)
        .ok()
        .and_then(|seconds| seconds.parse().ok());
    let seconds = setting.unwrap_or(SECONDS);
    // Everything must be through in a few times as long, however slow the machine.
    let limit = Duration::from_secs(60 + 10 * seconds);
    let mut mesh = OwnMesh::with(six_links).await;
    let insurer = mesh.client(INSURER).await.unwrap();
    // All work waits before the links begin: so there is always some while they are at it.
    mesh.terminate("carrier-link-svc").await.unwrap();
    let count = 6 * PACE * seconds;
    for some in messages(count).chunks(20_000) {
        let answers = send_all(&insurer, some, limit).await.unwrap();
        assert!(
            answers.refused.is_empty(),
            "{} were refused",
            answers.refused.len()
        );
    }
    mesh.restart("carrier-link-svc").await.unwrap();
    let gateways = mesh.gateways();
    wait::until("the carriers have everything", limit, || async {
        let mut accepted = 0;
        for gateway in &gateways {
            accepted += gateway.stats().await.ok()?["accepted"].as_u64()?;
        }
        (accepted >= count).then_some(())
    })
    .await
    .unwrap();
    for (gateway, link) in gateways.iter().zip(LINKS_OF_THE_EXAMPLE) {
        let stats = gateway.stats().await.unwrap();
        for account in [link.sp_id.to_owned(), twin_account(link.sp_id)] {
            let counted = &stats["accounts"][&account];
            let number = |field: &str| counted[field].as_u64().unwrap();
            let span_s = number("span_us") as f64 / 1e6;
            let used = number("segments") as f64 / (PACE as f64 * span_s);
            println!(
                "{} account {account}: {} segments in {span_s:.1} s, at most {} within a second, {:.1} % of the pace",
                link.name,
                number("segments"),
                number("peak_per_second"),
                100.0 * used
            );
            // Two links share a carrier's messages by weight.
            let share = number("segments") as f64 / (PACE * seconds) as f64;
            assert!((0.8..1.2).contains(&share), "{account} has {share} of its half");
            let peak = number("peak_per_second");
            if setting.is_some() {
                assert!(peak <= PACE, "{counted}");
                assert!(used >= LEAST_USED, "{counted}");
            } else {
                assert!(peak <= PACE + LATENESS, "{counted}");
            }
        }
        assert_eq!(stats["duplicates"], Value::from(0), "{stats}");
    }
}
