use std::time::Duration;

use hongyan_chassis::Problem;
use hongyan_domain::{Carrier, MessageClass};
use hongyan_proto::dispatch::v1::{SendMessageRequest, Template, send_message_request::Content};

use super::{Submission, check, holds_mobile_number, longest_validity};
use crate::testing;

fn ask(tenant: &str, request: &SendMessageRequest) -> Result<Submission, Problem> {
    let catalog = testing::catalog();
    testing::surrounded(|surroundings| {
        check(request, testing::tenant(&catalog, tenant), &catalog, surroundings)
    })
}

fn accepted(request: &SendMessageRequest) -> Submission {
    ask("shebao", request).unwrap_or_else(|problem| panic!("{problem}"))
}

fn refused(tenant: &str, request: &SendMessageRequest) -> Problem {
    ask(tenant, request).err().expect("a refusal")
}

fn fields(problem: &Problem) -> Vec<&str> {
    problem.fields.iter().map(|field| field.field.as_str()).collect()
}

fn text(text: &str) -> SendMessageRequest {
    SendMessageRequest {
        content: Some(Content::Text(text.into())),
        ..testing::request()
    }
}

fn template(id: &str, pairs: &[(&str, &str)]) -> SendMessageRequest {
    let parameters = pairs
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()))
        .collect();
    SendMessageRequest {
        content: Some(Content::Template(Template {
            id: id.into(),
            parameters,
        })),
        ..testing::request()
    }
}

#[test]
fn a_plain_request_gets_its_defaults() {
    let submission = accepted(&testing::request());
    assert_eq!(submission.text, "【滨海人社】您的验证码是123456");
    assert_eq!((submission.segments, submission.class), (1, MessageClass::Otp));
    assert_eq!(
        (submission.source.as_str(), submission.carrier),
        ("1069812333", Carrier::ChinaMobile)
    );
    assert_eq!(submission.validity, Duration::from_mins(5));
    assert!(submission.trace.is_none());
}

#[test]
fn what_is_given_is_used() {
    let submission = accepted(&SendMessageRequest {
        signature: "滨海社保".into(),
        extension: "88".into(),
        reference: "批次 7".into(),
        validity_seconds: 60,
        traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into(),
        ..testing::request()
    });
    assert!(submission.text.starts_with("【滨海社保】"));
    assert_eq!(
        (submission.source.as_str(), submission.reference.as_str()),
        ("106981233388", "批次 7")
    );
    assert_eq!(submission.validity, Duration::from_mins(1));
    assert!(submission.trace.is_some());
}

#[test]
fn a_template_is_filled_and_may_say_the_class() {
    let submission = accepted(&SendMessageRequest {
        class: 0,
        ..template("code", &[("code", "4711")])
    });
    assert_eq!(submission.text, "【滨海人社】验证码4711，5分钟内有效。");
    assert_eq!(submission.class, MessageClass::Otp);
}

#[test]
fn ported_numbers_and_links_tied_to_a_number_find_their_way() {
    let link = |tenant: &str, phone: &str| {
        let request = SendMessageRequest {
            phone: phone.into(),
            ..testing::request()
        };
        ask(tenant, &request)
            .map(|submission| submission.link.as_str().to_owned())
            .map_err(|problem| problem.reason)
    };
    assert_eq!(
        link("shebao", "13800138000"),
        Ok("cmcc".into()),
        "tied carries another number"
    );
    assert_eq!(link("xinghe", "13800138000"), Ok("tied".into()));
    assert_eq!(link("xinghe", "13800009999"), Ok("unicom".into()), "ported");
    assert_eq!(link("xinghe", "18900000000"), Ok("telecom".into()));
    assert_eq!(
        link("xinghe", "19200000000"),
        Err("NO_ROUTE".into()),
        "no route to Broadnet"
    );
    assert_eq!(
        link("shebao", "19200000000"),
        Err("NO_ROUTE".into()),
        "no access number for Broadnet"
    );
    assert_eq!(link("xinghe", "13490000000"), Err("NO_ROUTE".into()), "satellite");
}

#[test]
fn the_signature_counts_and_the_seventh_segment_is_refused() {
    // 【滨海人社】 is six units.
    for (units, segments) in [(64, Some(1)), (65, Some(2)), (402 - 6, Some(6)), (402 - 5, None)] {
        match (ask("shebao", &text(&"字".repeat(units))), segments) {
            (Ok(submission), Some(segments)) => assert_eq!(submission.segments, segments, "{units}"),
            (Err(problem), None) => {
                assert_eq!(fields(&problem), ["text"]);
                assert!(problem.fields[0].description.contains("403"), "{problem}");
            }
            (_, expected) => panic!("{units}: not {expected:?}"),
        }
    }
}

#[test]
fn every_wrong_field_is_named_at_once() {
    let problem = refused(
        "shebao",
        &SendMessageRequest {
            request_id: "a b".into(),
            phone: "+85291234567".into(),
            class: 9,
            content: None,
            signature: "别人".into(),
            extension: "x".into(),
            reference: "a\u{7}".into(),
            traceparent: "nonsense".into(),
            ..SendMessageRequest::default()
        },
    );
    assert_eq!(problem.reason, "INVALID_REQUEST");
    let mut named = fields(&problem);
    named.sort_unstable();
    assert_eq!(
        named,
        [
            "class",
            "content",
            "extension",
            "phone",
            "reference",
            "request_id",
            "signature",
            "traceparent"
        ]
    );
}

#[test]
fn each_wrong_field_has_its_words() {
    let request = testing::request;
    let table: [(SendMessageRequest, &str, &str); 16] = [
        (
            SendMessageRequest {
                request_id: String::new(),
                ..request()
            },
            "request_id",
            "1 to 64",
        ),
        (
            SendMessageRequest {
                request_id: "to-13800138000".into(),
                ..request()
            },
            "request_id",
            "personal",
        ),
        (
            SendMessageRequest {
                reference: "+8613800138000".into(),
                ..request()
            },
            "reference",
            "personal",
        ),
        (
            SendMessageRequest {
                reference: "字".repeat(129),
                ..request()
            },
            "reference",
            "128",
        ),
        (
            SendMessageRequest {
                phone: "12345".into(),
                ..request()
            },
            "phone",
            "digits",
        ),
        (
            SendMessageRequest {
                class: 0,
                ..request()
            },
            "class",
            "must be OTP",
        ),
        (
            SendMessageRequest {
                class: 3,
                ..template("code", &[("code", "1")])
            },
            "class",
            "otp",
        ),
        (
            SendMessageRequest {
                extension: "12345".into(),
                ..request()
            },
            "extension",
            "at most 4",
        ),
        (
            SendMessageRequest {
                validity_seconds: 901,
                ..request()
            },
            "validity_seconds",
            "at most 900",
        ),
        (text(" \n"), "text", "empty"),
        (text("a\u{0}b"), "text", "control"),
        (text("【滨海人社】你好"), "text", "signature"),
        (template("none", &[]), "template.id", "templates"),
        (template("code", &[]), "template.parameters", "missing code"),
        (
            template("code", &[("code", "1"), ("more", "2")]),
            "template.parameters",
            "more",
        ),
        (template("free", &[("words", "")]), "template.parameters", "empty"),
    ];
    for (request, field, words) in table {
        let problem = refused("shebao", &request);
        assert_eq!(fields(&problem), [field], "{problem}");
        assert!(problem.fields[0].description.contains(words), "{problem}");
        assert!(!problem.to_string().contains("13800138000"), "{problem}");
    }
}

#[test]
fn access_number_and_extension_have_at_most_21_digits() {
    let to_telecom = |extension: &str| SendMessageRequest {
        phone: "18900000000".into(),
        extension: extension.into(),
        ..testing::request()
    };
    assert_eq!(accepted(&to_telecom("123")).source.len(), 21);
    assert_eq!(fields(&refused("shebao", &to_telecom("1234"))), ["extension"]);
}

#[test]
fn no_class_waits_longer_than_a_carrier_keeps_a_message() {
    for class in MessageClass::ALL {
        assert!(longest_validity(class) <= Duration::from_hours(72));
        assert!(longest_validity(class).as_millis() >= u128::from(class.default_validity_ms()));
    }
}

#[test]
fn ids_that_only_contain_such_digits_are_no_numbers() {
    for free in [
        "",
        "req-1",
        "0193a5c8-1380-7138-8000-a13800138000",
        "138001380001",
        "ab13800138000",
        "12800138000",
    ] {
        assert!(!holds_mobile_number(free), "{free}");
    }
    for held in [
        "13800138000",
        "x/13800138000",
        "8613800138000",
        "+8613800138000.1",
    ] {
        assert!(holds_mobile_number(held), "{held}");
    }
}
