//! What another process left unfinished.

use std::time::Duration;

use futures_util::future::join_all;
use hongyan_domain::TenantId;
use hongyan_proto::verify::v1::{Outcome, VerifyIdentityRequest};
use hongyan_verify_svc::{
    question::Question,
    store::{Beginning, Begun, Key, Settlement, Store},
};
use uuid::Uuid;

use crate::{
    NOW,
    support::{World, request, world},
};

/// Another process on the same Redis, which has a question and a lease that is over at once.
struct Other {
    store: Store,
    question: Question,
    beginning: Beginning,
}

impl Other {
    fn new(world: &World, request: &VerifyIdentityRequest) -> Self {
        let store = Store::new(world.redis.clone(), world.keyring.clone());
        let question = Question::read(request, time::macros::date!(2026 - 11 - 21)).unwrap();
        let beginning = Beginning {
            fingerprint: question.fingerprint(&world.keyring.current()),
            verification_id: Uuid::now_v7(),
            sealed_question: store.seal_question(&question.canonical()).unwrap(),
            lease: Duration::from_millis(1),
            per_second: 10,
        };
        Self {
            store,
            question,
            beginning,
        }
    }

    fn key<'a>(&'a self, tenant: &'a TenantId) -> Key<'a> {
        Key {
            tenant,
            request_id: &self.question.request_id,
        }
    }

    async fn begin(&self, key: Key<'_>) -> Begun {
        self.store.begin(key, &self.beginning, 1).await.unwrap()
    }
}

#[tokio::test]
async fn a_question_that_a_dead_process_asked_is_not_asked_again() {
    let world = world("").await;
    let (caller, request) = (world.caller(), request("r-1"));
    // Another process begins and dies.
    let other = Other::new(&world, &request);
    let key = other.key(&caller.tenant);
    assert_eq!(other.begin(key).await, Begun::New);

    let answer = world.verifier.verify(&caller, &request, NOW).await.unwrap();
    assert_eq!((answer.outcome(), answer.charged), (Outcome::Indeterminate, None));
    assert_eq!(answer.reason, "INTERRUPTED");
    assert_eq!(
        answer.verification_id,
        other.beginning.verification_id.to_string()
    );
    assert!(world.upstream.asked().is_empty());
    assert_eq!(world.record.events()[0].attributes["charged"], "unknown");
    assert_eq!(
        world.verifier.verify(&caller, &request, NOW).await.unwrap(),
        answer
    );

    // The dead process was only slow: what it heard comes too late, the answer that was given stands.
    let late = hongyan_proto::verify::v1::VerifyIdentityResponse::default();
    let settlement = Settlement {
        verification_id: other.beginning.verification_id,
        phone: &other.question.phone,
        answer: &late,
        lease: Duration::from_secs(1),
    };
    let stands = other.store.settle(key, &settlement, 2).await.unwrap();
    assert_eq!(stands, Begun::Answered(Box::new(answer)));
}

#[tokio::test]
async fn an_answer_whose_teller_died_is_put_on_record_by_the_next_one() {
    let world = world("").await;
    let (caller, request) = (world.caller(), request("r-1"));
    let other = Other::new(&world, &request);
    let key = other.key(&caller.tenant);
    assert_eq!(other.begin(key).await, Begun::New);
    // Begun again under the same verification id it is the same beginning: the first answer was not heard.
    assert_eq!(other.begin(key).await, Begun::New);
    let heard = hongyan_proto::verify::v1::VerifyIdentityResponse {
        verification_id: other.beginning.verification_id.to_string(),
        outcome: Outcome::NotFound.into(),
        ..Default::default()
    };
    let settlement = Settlement {
        verification_id: other.beginning.verification_id,
        phone: &other.question.phone,
        answer: &heard,
        lease: Duration::from_millis(1),
    };
    other.store.settle(key, &settlement, 1).await.unwrap();
    assert!(world.record.events().is_empty());

    let all = join_all((0..20).map(|_| world.verifier.verify(&caller, &request, NOW))).await;
    assert!(all.iter().all(|answer| answer.as_ref() == Ok(&heard)), "{all:?}");
    assert_eq!(
        (world.upstream.asked().len(), world.record.events().len()),
        (0, 1)
    );
}
