//! No phone, name, id number, card, text or code in anything that the mesh writes: files, keys, metrics, spans.

use hongyan_integration_tests::harness::{
    leak::LeakSearch,
    mesh::{
        people::{BALANCES, PEOPLE},
        replaced_once,
    },
    wait,
};
use hongyan_proto::{
    common::v1::MessageClass,
    dispatch::v1::{SendMessageRequest, Template, send_message_request::Content},
    verify::v1::VerifyIdentityRequest,
};
use serde_json::json;

use crate::support::{
    BUREAU_NUMBER, INSURER, OwnMesh, PATIENCE, accept, final_state, fresh_id, fresh_request,
};

const CODE: &str = "59274163";
const TEXT: &str = "您在桂花路营业部的保单因银行卡扣款失败已中止";
const PASSWORD: &str = "Kx7-wild-goose";
const UNKNOWN_TEXT: &str = "请问王师傅今天几点上班呢";

#[tokio::test(flavor = "multi_thread")]
async fn nothing_personal_is_written_anywhere() {
    let mut mesh = OwnMesh::with(|options| {
        for service in hongyan_integration_tests::harness::mesh::SERVICES {
            options.set(service, "log.filter", "debug");
        }
        options.catalog = Some(Box::new(|files| {
            files.tenants = replaced_once(
                &files.tenants,
                "        - {name: bill,",
                "        - {name: bind, pattern: \"BD#{card}*{password:secret}\", handler: cards, template: balance}\n        - {name: bill,",
            )?;
            Ok(())
        }));
    })
    .await;
    let insurer = mesh.client(INSURER).await.unwrap();

    // Questions that go well, and ones that go wrong: errors are where data slips out.
    let question = |name: &str, id_number: &str, phone: &str| VerifyIdentityRequest {
        request_id: fresh_id("leak"),
        phone: phone.into(),
        name: name.into(),
        id_number: id_number.into(),
        consent_id: "consent-1".into(),
        purpose: "policy application".into(),
    };
    let mut verify = insurer.verify().unwrap();
    for person in PEOPLE {
        verify
            .verify_identity(question(person.name, person.id_number, person.phone))
            .await
            .unwrap();
        verify
            .verify_identity(question(person.name, PEOPLE[0].id_number, person.phone))
            .await
            .unwrap();
        let wrong = format!("{}x", person.phone);
        verify
            .verify_identity(question(person.name, person.id_number, &wrong))
            .await
            .unwrap_err();
    }
    let upstream = mesh.identity_upstream();
    for faults in [
        json!({"next": 1, "hang": true}),
        json!({"next": 1, "malformed": true}),
    ] {
        upstream.post("faults", &faults).await.unwrap();
        verify
            .verify_identity(question(PEOPLE[1].name, PEOPLE[1].id_number, PEOPLE[1].phone))
            .await
            .unwrap();
    }

    // Messages to those people: a code, a text, refused ones, ones that the carrier refuses or loses.
    let to = |person: usize, class, text: &str| SendMessageRequest {
        phone: PEOPLE[person].phone.into(),
        ..fresh_request(class, text)
    };
    let code = SendMessageRequest {
        content: Some(Content::Template(Template {
            id: "login-code".into(),
            parameters: [("code", CODE), ("minutes", "5")]
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
                .into(),
        })),
        ..to(0, MessageClass::Otp, "")
    };
    let mut accepted = vec![accept(&insurer, code.clone()).await];
    let mut again = code;
    again.request_id = fresh_id("leak");
    insurer.dispatch().unwrap().send_message(again).await.unwrap_err();
    for (rule, class) in [
        (json!({}), MessageClass::Notice),
        (json!({"result": 13}), MessageClass::Notice),
        (json!({"receipt": {"stat": "UNDELIV"}}), MessageClass::Bulk),
        (json!({"cut": "before_answer"}), MessageClass::Notice),
    ] {
        let faults = json!({"rules": [{"number": PEOPLE[0].phone, "next": 1, "then": rule}]});
        mesh.gateways()[0].set_faults(&faults).await.unwrap();
        let id = accept(&insurer, to(0, class, TEXT)).await;
        final_state(&insurer, &id).await;
        accepted.push(id);
    }
    let mut bad = to(0, MessageClass::Notice, TEXT);
    bad.reference = PEOPLE[0].phone.into();
    insurer.dispatch().unwrap().send_message(bad).await.unwrap_err();
    for person in [1, 2] {
        accepted.push(accept(&insurer, to(person, MessageClass::Notice, TEXT)).await);
    }
    for id in &accepted {
        final_state(&insurer, id).await;
    }

    // Texts from them, with a card, with anything at all, with a handler that fails.
    let gateway = mesh.gateways().swap_remove(0);
    let (card, balance) = BALANCES[0];
    let before = gateway.texts(PEOPLE[0].phone).await.unwrap().len();
    gateway
        .uplink(PEOPLE[0].phone, BUREAU_NUMBER, &format!("SBYE#{card}"))
        .await
        .unwrap();
    gateway
        .uplink(PEOPLE[0].phone, BUREAU_NUMBER, UNKNOWN_TEXT)
        .await
        .unwrap();
    let texts = async |at_least: usize| {
        wait::until("the replies", PATIENCE, || async {
            (gateway.texts(PEOPLE[0].phone).await.ok()?.len() >= at_least).then_some(())
        })
        .await
        .unwrap();
    };
    texts(before + 2).await;
    gateway
        .uplink(PEOPLE[0].phone, BUREAU_NUMBER, &format!("BD#{card}*{PASSWORD}"))
        .await
        .unwrap();
    texts(before + 3).await;
    mesh.handler()
        .post("faults", &json!({"fail": "INTERNAL"}))
        .await
        .unwrap();
    gateway
        .uplink(PEOPLE[0].phone, BUREAU_NUMBER, &format!("SBYE#{card}"))
        .await
        .unwrap();
    texts(before + 4).await;

    let mut secrets = vec![
        ("the code".to_owned(), CODE),
        ("the text".to_owned(), TEXT),
        ("a part of the text".to_owned(), "桂花路营业部"),
        ("the password".to_owned(), PASSWORD),
        ("the unknown text".to_owned(), UNKNOWN_TEXT),
        ("the card".to_owned(), card),
        ("the balance".to_owned(), balance),
    ];
    for (n, person) in PEOPLE.iter().enumerate() {
        secrets.push((format!("name {n}"), person.name));
        secrets.push((format!("id number {n}"), person.id_number));
        secrets.push((format!("phone {n}"), person.phone));
    }
    let search = LeakSearch::new(secrets).unwrap();
    // Spans are exported in batches; what a service still holds it writes when it ends.
    let scraped = mesh.scrape().await.unwrap();
    for service in hongyan_integration_tests::harness::mesh::SERVICES.iter().rev() {
        mesh.terminate(service).await.unwrap();
    }
    let spans = reqwest::get(format!("http://{}/spans", mesh.world.traces))
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(spans.lines().count() > 20, "spans were kept");
    let layout = mesh.layout.clone();
    let mut searched = search
        .folder(layout.root(), |path| layout.is_of_the_world(path))
        .unwrap();
    for (place, text) in scraped.iter().chain([&("the last spans".to_owned(), spans)]) {
        searched.leaks.extend(search.bytes(place, text.as_bytes()));
    }
    let told: Vec<String> = searched.leaks.iter().map(ToString::to_string).collect();
    assert!(told.is_empty(), "{} leaks:\n{}", told.len(), told.join("\n"));
    assert!(
        searched.files > 30 && searched.octets > 50_000,
        "{} files, {}",
        searched.files,
        searched.octets
    );
    // That the search finds at all what was there to be found: the world outside did see these people.
    let world = search.folder(&layout.world(), |_| false).unwrap();
    assert!(!world.leaks.is_empty());
}
