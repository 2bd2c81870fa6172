//! Who may talk to whom.

use std::time::Duration;

use hongyan_integration_tests::harness::{
    ca::{TestCa, Validity, spiffe, write_whole},
    mesh::{Client, Service, replaced_once},
    wait,
};
use hongyan_proto::{
    audit::v1::{AppendRequest, GetHeadRequest, audit_service_client::AuditServiceClient},
    carrier::v1::GetLinksRequest,
    common::v1::MessageClass,
    dispatch::v1::{GetQueuesRequest, SetOptOutRequest, dispatch_service_client::DispatchServiceClient},
};
use tonic::{Code, Status};

use crate::support::{INSURER, OPERATOR, OwnMesh, PATIENCE, accept, fresh_request, reason, shared};

fn code<T>(answer: Result<T, Status>) -> Option<(Code, String)> {
    answer.err().map(|status| (status.code(), reason(&status)))
}

#[tokio::test]
async fn the_method_table_says_who_may_call_what_and_what_it_does_not_say_is_refused() {
    let mesh = shared().await;
    let caller = mesh.client(INSURER).await.unwrap();
    let operator = mesh.client(OPERATOR).await.unwrap();
    let service = mesh.client("svc/verify").await.unwrap();
    let denied = Some((Code::PermissionDenied, "METHOD_NOT_ALLOWED".to_owned()));

    assert_eq!(
        code(caller.audit().unwrap().get_head(GetHeadRequest {}).await),
        denied
    );
    assert_eq!(
        code(operator.audit().unwrap().get_head(GetHeadRequest {}).await),
        None
    );
    assert_eq!(
        code(caller.dispatch().unwrap().get_queues(GetQueuesRequest {}).await),
        denied
    );
    assert_eq!(
        code(operator.dispatch().unwrap().get_queues(GetQueuesRequest {}).await),
        None
    );
    assert_eq!(
        code(caller.link(0).unwrap().get_links(GetLinksRequest {}).await),
        denied
    );
    assert_eq!(
        code(operator.link(0).unwrap().get_links(GetLinksRequest {}).await),
        None
    );
    assert_eq!(
        code(caller.audit().unwrap().append(AppendRequest::default()).await),
        denied
    );
    assert_eq!(
        code(operator.audit().unwrap().append(AppendRequest::default()).await),
        denied
    );
    let opt_out = SetOptOutRequest {
        tenant: "xinghe-life".into(),
        phone: "13900000009".into(),
        opted_out: true,
    };
    assert_eq!(
        code(caller.dispatch().unwrap().set_opt_out(opt_out.clone()).await),
        denied
    );
    assert_eq!(
        code(service.dispatch().unwrap().set_opt_out(opt_out).await),
        denied
    );
    let request = fresh_request(MessageClass::Notice, "您好。");
    assert_eq!(
        code(service.dispatch().unwrap().send_message(request).await),
        denied
    );
}

#[tokio::test]
async fn who_cannot_prove_who_they_are_gets_no_word() {
    let mesh = shared().await;
    let foreign = TestCa::new("another authority").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let good = mesh.identity("caller/xinghe-life-2").unwrap();
    let cases = [
        (
            "another authority's",
            foreign.issue("caller/xinghe-life", Validity::Usual).unwrap(),
        ),
        (
            "expired",
            mesh.ca.issue("caller/xinghe-life", Validity::Expired).unwrap(),
        ),
        (
            "not yet valid",
            mesh.ca.issue("caller/xinghe-life", Validity::NotYet).unwrap(),
        ),
        (
            "another trust domain's",
            mesh.ca
                .issue_for("spiffe://elsewhere.test/caller/xinghe-life", Validity::Usual)
                .unwrap(),
        ),
        (
            "no SPIFFE id",
            mesh.ca
                .issue_for("https://hongyan.test/caller", Validity::Usual)
                .unwrap(),
        ),
    ];
    for (what, (certificate, key)) in cases {
        let mut identity = good.clone();
        identity.cert_file = dir.path().join("cert.pem");
        identity.key_file = dir.path().join("key.pem");
        write_whole(&identity.cert_file, &certificate).unwrap();
        write_whole(&identity.key_file, &key).unwrap();
        // The client's own library may refuse such credentials; the server must in any case.
        let Ok(client) = Client::new(&identity, &mesh.addresses).await else {
            continue;
        };
        let request = fresh_request(MessageClass::Notice, "您好。");
        let refusal = client
            .dispatch()
            .unwrap()
            .send_message(request)
            .await
            .expect_err(what);
        assert!(
            matches!(
                refusal.code(),
                Code::Unavailable | Code::Unknown | Code::Cancelled | Code::Unauthenticated
            ),
            "{what}: {refusal:?}"
        );
    }
}

#[tokio::test]
async fn a_server_must_be_the_one_that_the_client_expects() {
    let mesh = shared().await;
    let client = mesh.client(INSURER).await.unwrap();
    let channel = client
        .channel_to(&mesh.addresses.dispatch, &spiffe("svc/audit"))
        .unwrap();
    let request = fresh_request(MessageClass::Notice, "您好。");
    let refusal = DispatchServiceClient::new(channel)
        .send_message(request)
        .await
        .unwrap_err();
    assert!(
        matches!(
            refusal.code(),
            Code::Unavailable | Code::Unknown | Code::Cancelled
        ),
        "{refusal:?}"
    );
}

#[tokio::test]
async fn certificates_and_roots_are_changed_without_restart() {
    let mut mesh = OwnMesh::start().await;
    let before = mesh.client(INSURER).await.unwrap();
    accept(&before, fresh_request(MessageClass::Notice, "您好。")).await;
    let id = mesh.program("sms-dispatch-svc").unwrap().id();

    // A new authority takes over: first everybody trusts both, then certificates are renewed, then the old one goes.
    let next = TestCa::new("the next authority").unwrap();
    let both = format!("{}{}", mesh.ca.root_pem(), next.root_pem());
    let paths = [
        "svc-audit",
        "svc-dispatch",
        "svc-verify",
        "svc-carrier-link",
        "svc-uplink-router",
        "handler-cards",
    ];
    for path in paths {
        write_whole(&mesh.layout.tls().join(path).join("roots.pem"), &both).unwrap();
    }
    let renewed = next
        .write(&mesh.layout.tls().join("next"), INSURER, Validity::Usual)
        .unwrap();
    write_whole(&renewed.roots_file, &both).unwrap();
    let client = Client::new(&renewed, &mesh.addresses).await.unwrap();
    wait::until_ok("the new root is trusted", Duration::from_secs(20), || async {
        client
            .dispatch()?
            .send_message(fresh_request(MessageClass::Notice, "您好。"))
            .await?;
        Ok(())
    })
    .await
    .unwrap();

    let (certificate, key) = next.issue("svc/dispatch", Validity::Usual).unwrap();
    let folder = mesh.layout.tls().join("svc-dispatch");
    write_whole(&folder.join("key.pem"), &key).unwrap();
    write_whole(&folder.join("cert.pem"), &certificate).unwrap();
    let mut only_next = renewed.clone();
    only_next.roots_file = mesh.layout.tls().join("next/only.pem");
    write_whole(&only_next.roots_file, &next.root_pem()).unwrap();
    let strict = Client::new(&only_next, &mesh.addresses).await.unwrap();
    wait::until_ok(
        "the new certificate is shown",
        Duration::from_secs(20),
        || async {
            strict
                .dispatch()?
                .send_message(fresh_request(MessageClass::Notice, "您好。"))
                .await?;
            Ok(())
        },
    )
    .await
    .unwrap();
    assert_eq!(mesh.program("sms-dispatch-svc").unwrap().id(), id);
    mesh.must_run().unwrap();

    // Rubbish leaves the old material in force.
    write_whole(&folder.join("cert.pem"), "rubbish").unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    accept(&strict, fresh_request(MessageClass::Notice, "您好。")).await;
}

#[tokio::test]
async fn a_service_appends_to_the_record_in_its_own_name_only() {
    let mesh = shared().await;
    let verify = mesh.client("svc/verify").await.unwrap();
    let mut audit = AuditServiceClient::new(verify.channel(Service::Audit).unwrap());
    let append = AppendRequest {
        producer: "dispatch-forged".into(),
        epoch: 1,
        first_seq: 1,
        events: vec![hongyan_proto::audit::v1::AuditEvent::default()],
        wait_published: false,
    };
    let refusal = audit.append(append).await.unwrap_err();
    assert!(
        matches!(refusal.code(), Code::PermissionDenied | Code::InvalidArgument),
        "{refusal:?}"
    );
}

#[tokio::test]
async fn the_method_table_is_followed_and_a_bad_one_leaves_the_old_in_force() {
    let mesh = OwnMesh::start().await;
    let caller = mesh.client(INSURER).await.unwrap();
    let file = mesh.layout.method_table();
    let table = std::fs::read_to_string(&file).unwrap();
    let asked = async || code(caller.dispatch().unwrap().get_queues(GetQueuesRequest {}).await);
    assert!(asked().await.is_some());
    let row = "/hongyan.dispatch.v1.DispatchService/GetQueues:\n";
    let wider = replaced_once(&table, row, &format!("{row}  - spiffe://hongyan.test/caller/*\n")).unwrap();
    write_whole(&file, &wider).unwrap();
    wait::until("the wider table", PATIENCE, || async {
        asked().await.is_none().then_some(())
    })
    .await
    .unwrap();
    for bad in ["rubbish", "/no-method: [spiffe://hongyan.test/caller/*]\n"] {
        write_whole(&file, bad).unwrap();
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        assert_eq!(asked().await, None, "{bad:?} is not taken up");
    }
    write_whole(&file, &table).unwrap();
    wait::until("the old table", PATIENCE, || async { asked().await.map(drop) })
        .await
        .unwrap();
}
