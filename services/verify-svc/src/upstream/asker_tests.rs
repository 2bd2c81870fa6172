use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use hongyan_domain::Carrier;
use hongyan_proto::verify::v1::{Outcome, VerifyIdentityRequest};
use time::macros::date;
use uuid::Uuid;

use super::{Asker, Unheard, Upstream};
use crate::{
    question::Question,
    upstream::{Adapter, Asking, Attempt, Reply, UpstreamSettings, codes::ResultCodes},
};

/// Answers as it was told, and hangs when it was told no more.
#[derive(Clone, Default)]
struct Scripted(Arc<Mutex<(VecDeque<Attempt>, usize)>>);

impl Scripted {
    fn new(attempts: impl IntoIterator<Item = Attempt>) -> Self {
        Self(Arc::new(Mutex::new((attempts.into_iter().collect(), 0))))
    }

    fn asked(&self) -> usize {
        self.0.lock().unwrap().1
    }
}

impl Adapter for Scripted {
    fn ask<'a>(&'a self, _: &'a Question, _: Uuid) -> Asking<'a> {
        let mut script = self.0.lock().unwrap();
        script.1 += 1;
        let next = script.0.pop_front();
        Box::pin(async move {
            match next {
                Some(attempt) => attempt,
                None => std::future::pending().await,
            }
        })
    }
}

fn upstream(name: &str, carriers: &[Carrier], script: &Scripted) -> Upstream {
    let mut codes = ResultCodes::default();
    for line in [
        "0=MATCH charged",
        "1=MISMATCH:name charged",
        "9=INDETERMINATE:BUSY free",
        "8=INDETERMINATE:ODD charged",
    ] {
        codes.add(line).unwrap();
    }
    let settings = UpstreamSettings {
        name: name.into(),
        url: "http://127.0.0.1:1/".parse().unwrap(),
        api_key_file: None,
        ca_file: None,
        carriers: carriers.to_vec(),
        codes,
        attempt_timeout: Duration::from_secs(1),
        connect_timeout: Duration::from_secs(1),
        max_in_flight: 2,
        breaker_failures: 2,
        breaker_pause: Duration::from_hours(1),
    };
    Upstream::new(&settings, Box::new(script.clone()))
}

fn asker(upstreams: Vec<Upstream>, again_when_charge_unsure: bool) -> Asker {
    Asker {
        upstreams,
        deadline: Duration::from_millis(50),
        again_when_charge_unsure,
        started: Instant::now(),
    }
}

fn question() -> Question {
    let request = VerifyIdentityRequest {
        request_id: "r".into(),
        phone: "13800138000".into(),
        name: "张三".into(),
        id_number: String::new(),
        consent_id: "c".into(),
        purpose: "p".into(),
    };
    Question::read(&request, date!(2026 - 11 - 21)).unwrap()
}

fn says(code: &str) -> Attempt {
    Attempt::Answered(Reply {
        code: code.into(),
        charged: None,
        carrier: None,
    })
}

fn lost(charged: Option<bool>) -> Attempt {
    Attempt::NoAnswer {
        reason: "UPSTREAM_FAILED",
        raw_code: "HTTP500".into(),
        charged,
    }
}

/// Asks two upstreams that serve everybody; gives outcome, upstream, charge, attempts and how often the second was asked.
async fn two(first: Attempt, second: Attempt, again: bool) -> (Outcome, String, Option<bool>, String, usize) {
    let (a, b) = (Scripted::new([first]), Scripted::new([second]));
    let asker = asker(vec![upstream("a", &[], &a), upstream("b", &[], &b)], again);
    let heard = asker
        .ask(&question(), Some(Carrier::ChinaMobile), Uuid::nil())
        .await
        .unwrap();
    (
        heard.meaning.outcome,
        heard.upstream.to_string(),
        heard.meaning.charged,
        heard.attempts,
        b.asked(),
    )
}

#[tokio::test]
async fn the_next_is_asked_only_where_the_first_surely_does_not_charge() {
    use Outcome::{Indeterminate, Match, Mismatch};
    for (first, again, outcome, by, charged, attempts, second_asked) in [
        (says("0"), false, Match, "a", Some(true), "a:0:charged", 0),
        (says("1"), true, Mismatch, "a", Some(true), "a:1:charged", 0),
        (
            says("9"),
            false,
            Match,
            "b",
            Some(true),
            "a:9:free b:0:charged",
            1,
        ),
        (says("8"), true, Indeterminate, "a", Some(true), "a:8:charged", 0),
        (says("77"), false, Indeterminate, "a", None, "a:77:unsure", 0),
        (
            says("77"),
            true,
            Match,
            "b",
            Some(true),
            "a:77:unsure b:0:charged",
            1,
        ),
        (lost(None), false, Indeterminate, "a", None, "a:HTTP500:unsure", 0),
        (
            lost(None),
            true,
            Match,
            "b",
            Some(true),
            "a:HTTP500:unsure b:0:charged",
            1,
        ),
        (
            lost(Some(false)),
            false,
            Match,
            "b",
            Some(true),
            "a:HTTP500:free b:0:charged",
            1,
        ),
        (
            Attempt::NotSent("CONNECT_FAILED"),
            false,
            Match,
            "b",
            Some(true),
            "a:CONNECT_FAILED:free b:0:charged",
            1,
        ),
    ] {
        let label = attempts;
        assert_eq!(
            two(first, says("0"), again).await,
            (outcome, by.to_owned(), charged, attempts.to_owned(), second_asked),
            "{label}"
        );
    }
}

#[tokio::test]
async fn what_the_last_one_could_not_tell_stays_indeterminate() {
    let (outcome, by, charged, _, _) = two(says("9"), lost(None), false).await;
    assert_eq!(
        (outcome, by.as_str(), charged),
        (Outcome::Indeterminate, "b", None)
    );
    // The first answered without charge, the second was not reached: the first one's word stands.
    let (outcome, by, charged, _, _) = two(says("9"), Attempt::NotSent("CONNECT_FAILED"), false).await;
    assert_eq!(
        (outcome, by.as_str(), charged),
        (Outcome::Indeterminate, "a", Some(false))
    );
}

#[tokio::test]
async fn where_nobody_was_asked_nothing_is_claimed() {
    let script = Scripted::new([Attempt::NotSent("CONNECT_FAILED")]);
    let asker = asker(vec![upstream("a", &[Carrier::ChinaUnicom], &script)], true);
    let ask = |carrier| {
        let (asker, question) = (&asker, question());
        async move { asker.ask(&question, carrier, Uuid::nil()).await }
    };
    assert_eq!(ask(Some(Carrier::ChinaMobile)).await, Err(Unheard::NoUpstream));
    assert_eq!(ask(None).await, Err(Unheard::NoUpstream));
    assert_eq!(ask(Some(Carrier::ChinaUnicom)).await, Err(Unheard::Unreachable));
}

#[tokio::test]
async fn a_charge_that_contradicts_the_table_is_not_known() {
    for (said, charged) in [(Some(true), Some(true)), (Some(false), None), (None, Some(true))] {
        let answer = Attempt::Answered(Reply {
            code: "0".into(),
            charged: said,
            carrier: None,
        });
        assert_eq!(two(answer, says("0"), false).await.2, charged, "{said:?}");
    }
}

#[tokio::test]
async fn one_that_hangs_is_given_up_at_the_deadline_and_then_left_alone() {
    let script = Scripted::new([]);
    let asker = asker(vec![upstream("a", &[], &script)], false);
    for _ in 0..2 {
        let heard = asker.ask(&question(), None, Uuid::nil()).await.unwrap();
        assert_eq!(
            (heard.meaning.outcome, heard.meaning.charged),
            (Outcome::Indeterminate, None)
        );
        assert_eq!(heard.meaning.reason, "UPSTREAM_TIMEOUT");
    }
    assert_eq!(
        asker.ask(&question(), None, Uuid::nil()).await,
        Err(Unheard::Unreachable)
    );
    assert_eq!(script.asked(), 2, "the breaker is open");
}

#[tokio::test]
async fn no_more_questions_at_once_than_allowed() {
    let script = Scripted::new([]);
    let asker = asker(vec![upstream("a", &[], &script)], false);
    let question = question();
    let all = (0..5).map(|_| asker.ask(&question, None, Uuid::nil()));
    let heard = futures_util::future::join_all(all).await;
    assert_eq!(script.asked(), 2);
    assert_eq!(
        heard.iter().filter(|heard| **heard == Err(Unheard::Busy)).count(),
        3
    );
}
