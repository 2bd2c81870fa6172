//! What became of messages, counted from the record.

use std::collections::BTreeMap;

use hongyan_integration_tests::harness::{judge::all_leaves, wait};
use hongyan_proto::{
    audit::v1::{GetStatisticsRequest, QueryRequest, StatisticsRow},
    common::v1::MessageClass,
};
use serde_json::json;

use crate::support::{
    BUREAU, INSURER, OPERATOR, OwnMesh, PATIENCE, accept, final_state, fresh_number, fresh_request,
};

#[tokio::test(flavor = "multi_thread")]
async fn every_message_counts_once_by_its_tenant_carrier_class_hour_and_fate() {
    let mesh = OwnMesh::with(|options| {
        options.catalog = Some(Box::new(|files| {
            files.routes.push_str("fallback: [telecom-a, unicom-a, cmcc-a]\n");
            Ok(())
        }));
    })
    .await;
    let (insurer, bureau) = (
        mesh.client(INSURER).await.unwrap(),
        mesh.client(BUREAU).await.unwrap(),
    );
    let rule = |then| {
        let phone = fresh_number();
        (phone.clone(), json!({"number": phone, "then": then}))
    };
    let (undelivered, fails) = rule(json!({"receipt": {"stat": "MK:0001"}}));
    let (refused, is_refused) = rule(json!({"result": 4}));
    let (moved, has_moved) = rule(json!({"result": "no_route"}));
    mesh.gateways()[0]
        .set_faults(&json!({"rules": [fails, is_refused, has_moved]}))
        .await
        .unwrap();
    let mut hours = Vec::new();
    for (client, class, phone) in [
        (&insurer, MessageClass::Notice, fresh_number()),
        (&insurer, MessageClass::Notice, fresh_number()),
        (&insurer, MessageClass::Notice, undelivered),
        (&insurer, MessageClass::Notice, refused),
        (&bureau, MessageClass::Notice, moved),
    ] {
        let mut request = fresh_request(class, "您的参保信息已更新。");
        request.phone = phone;
        let id = accept(client, request).await;
        let state = final_state(client, &id).await;
        hours.push(state.accepted_at_unix_ms / 3_600_000 * 3_600_000);
    }

    let operator = mesh.client(OPERATOR).await.unwrap();
    let rows = wait::until_ok("every fate on record", PATIENCE, || {
        let mut audit = operator.audit().unwrap();
        async move {
            let rows = audit.get_statistics(GetStatisticsRequest::default()).await?;
            let rows = rows.into_inner().rows;
            let open: u64 = rows.iter().map(|row| row.unknown).sum();
            let accepted: u64 = rows.iter().map(|row| row.accepted).sum();
            anyhow::ensure!((accepted, open) == (5, 0), "{accepted} accepted, {open} open");
            Ok(rows)
        }
    })
    .await
    .unwrap();
    assert!(
        rows.iter().all(|row| hours.contains(&row.hour_unix_ms)),
        "{rows:?}"
    );
    // The hour may have turned meanwhile.
    let of = |tenant: &str, carrier: &str| {
        let rows = rows
            .iter()
            .filter(|row| (&*row.tenant, &*row.carrier, &*row.class) == (tenant, carrier, "notice"));
        rows.fold(
            (0, BTreeMap::new()),
            |(delivered, mut causes), row: &StatisticsRow| {
                causes.extend(row.undelivered.clone());
                (delivered + row.delivered, causes)
            },
        )
    };
    let causes = ["REJECTED CMPP:4", "UNDELIVERED MK:0001"].map(|cause| (cause.to_owned(), 1));
    assert_eq!(of("xinghe-life", "china_mobile"), (2, causes.into()), "{rows:?}");
    // It counts for the carrier that it went to.
    assert_eq!(
        of("binhai-hrss", "china_telecom"),
        (1, BTreeMap::new()),
        "{rows:?}"
    );
    assert_eq!(
        of("binhai-hrss", "china_mobile"),
        (0, BTreeMap::new()),
        "{rows:?}"
    );

    let stats = async |args: &[&str]| {
        let args = [&["audit", "stats"], args].concat();
        mesh.cli(OPERATOR).unwrap().run(&args).await.unwrap()
    };
    let all = stats(&[]).await;
    assert!(
        !all.success && all.stdout.contains("60.0") && all.stdout.contains("UNDELIVERED MK:0001"),
        "{}",
        all.stdout
    );
    let kept = stats(&["--tenant", "binhai-hrss", "--carrier", "china_telecom"]).await;
    assert!(kept.success && kept.stdout.contains("100.0"), "{}", kept.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_is_deleted_is_built_anew_with_the_same_answers() {
    let mut mesh = OwnMesh::start().await;
    let client = mesh.client(INSURER).await.unwrap();
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.push(accept(&client, fresh_request(MessageClass::Notice, "您的保单已生效。")).await);
    }
    for id in &ids {
        final_state(&client, id).await;
    }
    let operator = mesh.client(OPERATOR).await.unwrap();
    let rows = async || {
        let mut audit = operator.audit()?;
        let rows = audit.get_statistics(GetStatisticsRequest::default()).await?;
        let rows = rows.into_inner().rows;
        let delivered: u64 = rows.iter().map(|row| row.delivered).sum();
        anyhow::ensure!(delivered == 20, "{delivered} delivered");
        Ok(rows)
    };
    let lives = async || {
        let mut lives = Vec::new();
        for (id, newest_first) in ids.iter().zip([false, true].into_iter().cycle()) {
            let about = QueryRequest {
                message_id: id.clone(),
                newest_first,
                ..QueryRequest::default()
            };
            lives.push(all_leaves(&mut operator.audit()?, about).await?);
        }
        Ok::<_, anyhow::Error>(lives)
    };
    let before = wait::until_ok("every fate on record", PATIENCE, rows)
        .await
        .unwrap();
    let told = lives().await.unwrap();
    assert!(told.iter().all(|life| life.len() >= 3), "{told:?}");
    mesh.kill("audit-svc").unwrap();
    std::fs::remove_dir_all(mesh.layout.audit_data().join("index")).unwrap();
    mesh.restart("audit-svc").await.unwrap();
    assert_eq!(
        wait::until_ok("the same rows", PATIENCE, rows).await.unwrap(),
        before
    );
    assert_eq!(lives().await.unwrap(), told);
}
