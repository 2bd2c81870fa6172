//! A question to the record: what it asks, and where its pages go on. No IO.

use hongyan_chassis::Problem;
use hongyan_proto::audit::v1::QueryRequest;
use hongyan_tlog::leaf_hash;

use crate::{
    event::{TRACE_ID, is_trace_id, is_visible, is_word},
    index::{Conditions, Field},
};

const DEFAULT_PAGE: u32 = 100;
const MAX_PAGE: u32 = 1_000;
const TOKEN_VERSION: u8 = 1;
const TOKEN_OCTETS: usize = 1 + 8 + 8 + 8;

/// A question that can be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) conditions: Conditions,
    pub(crate) newest_first: bool,
    /// Leaves of one page, at most.
    pub(crate) page_size: usize,
    /// Where an earlier page stopped.
    pub(crate) resume: Option<Resume>,
}

/// Where the next page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Resume {
    /// The first candidate.
    pub(crate) index: u64,
    /// The size of the record when the first page was asked for: later leaves belong to no page, so that the pages end,
    /// although each of them is itself put on record.
    pub(crate) size: u64,
}

impl Question {
    pub(crate) fn parse(request: &QueryRequest) -> Result<Self, Problem> {
        let mut problem = Problem::invalid();
        let mut note = |field: &str, is_right: bool, expected: &str| {
            if !is_right {
                let before = std::mem::replace(&mut problem, Problem::invalid());
                problem = before.field(field, format!("must be {expected}"));
            }
        };
        for (field, value, most) in [
            ("message_id", &request.message_id, 64),
            ("actor", &request.actor, 256),
        ] {
            let expected = format!("at most {most} visible ASCII characters");
            note(field, value.len() <= most && is_visible(value), &expected);
        }
        // No event has another, and an empty answer would look as if there were none of the kind.
        note(
            "action",
            is_word(&request.action, 0),
            "at most 64 of A-Z, 0-9 and _, e.g. MESSAGE_FINAL",
        );
        note(
            "trace_id",
            request.trace_id.is_empty() || is_trace_id(&request.trace_id),
            TRACE_ID,
        );
        note(
            "subject_tag",
            matches!(request.subject_tag.len(), 0 | 32),
            "empty or 32 octets",
        );
        note(
            "from_unix_ms",
            request.from_unix_ms >= 0,
            "0 or a time after 1970",
        );
        note(
            "until_unix_ms",
            request.until_unix_ms >= 0,
            "0 or a time after 1970",
        );
        note(
            "until_unix_ms",
            is_time(request.from_unix_ms, request.until_unix_ms),
            AFTER_FROM,
        );
        note("page_size", request.page_size <= MAX_PAGE, "at most 1,000");
        let resume = if request.page_token.is_empty() {
            None
        } else {
            let resume = read_token(request);
            note(
                "page_token",
                resume.is_some(),
                "one that came with an answer to the same question",
            );
            resume
        };
        if problem.has_fields() {
            return Err(problem);
        }
        let fields = [
            (Field::Message, request.message_id.as_bytes()),
            (Field::Trace, request.trace_id.as_bytes()),
            (Field::Actor, request.actor.as_bytes()),
            (Field::Subject, &*request.subject_tag),
            (Field::Action, request.action.as_bytes()),
        ];
        let fields = fields
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(field, value)| (field, value.to_vec()))
            .collect();
        let page_size = match request.page_size {
            0 => DEFAULT_PAGE,
            size => size,
        };
        Ok(Self {
            conditions: Conditions {
                fields,
                from_unix_ms: request.from_unix_ms,
                until_unix_ms: request.until_unix_ms,
            },
            newest_first: request.newest_first,
            page_size: page_size as usize,
            resume,
        })
    }
}

/// What the end of a time must be.
pub(crate) const AFTER_FROM: &str = "0 or later than from_unix_ms";

/// Whether there is time between the two, either of which may be open, 0. Ends before 1970 are told as that alone.
pub(crate) fn is_time(from_unix_ms: i64, until_unix_ms: i64) -> bool {
    until_unix_ms <= 0 || from_unix_ms < until_unix_ms
}

/// The token of the page that follows an answer to `request`: version ‖ the question's fingerprint ‖ index ‖ size, in
/// hexadecimal.
pub(crate) fn token(request: &QueryRequest, resume: Resume) -> String {
    let mut token = Vec::with_capacity(TOKEN_OCTETS);
    token.push(TOKEN_VERSION);
    token.extend_from_slice(&fingerprint(request));
    token.extend_from_slice(&resume.index.to_be_bytes());
    token.extend_from_slice(&resume.size.to_be_bytes());
    hex::encode(token)
}

fn read_token(request: &QueryRequest) -> Option<Resume> {
    let token: [u8; TOKEN_OCTETS] = hex::decode(&request.page_token).ok()?.try_into().ok()?;
    let (version, rest) = token.split_first()?;
    let (asked, rest) = rest.split_first_chunk::<8>()?;
    let (index, size) = rest.split_first_chunk::<8>()?;
    if *version != TOKEN_VERSION || *asked != fingerprint(request) {
        return None;
    }
    Some(Resume {
        index: u64::from_be_bytes(*index),
        size: u64::from_be_bytes(size.try_into().ok()?),
    })
}

/// Tells questions apart. The size of a page is not part of it: a caller may change that on the way.
fn fingerprint(request: &QueryRequest) -> [u8; 8] {
    let mut asked = Vec::new();
    for value in [
        request.message_id.as_bytes(),
        request.trace_id.as_bytes(),
        request.actor.as_bytes(),
        &request.subject_tag,
        request.action.as_bytes(),
        &request.from_unix_ms.to_be_bytes(),
        &request.until_unix_ms.to_be_bytes(),
        &[u8::from(request.newest_first)],
    ] {
        asked.extend_from_slice(&(value.len() as u64).to_be_bytes());
        asked.extend_from_slice(value);
    }
    let hash = leaf_hash(&asked);
    let mut fingerprint = [0; 8];
    fingerprint.copy_from_slice(&hash.as_bytes()[..8]);
    fingerprint
}

#[cfg(test)]
mod tests {
    use hongyan_proto::audit::v1::QueryRequest;

    use super::{Question, Resume, token};
    use crate::index::Field;

    type Change = fn(&mut QueryRequest);

    fn full() -> QueryRequest {
        QueryRequest {
            message_id: "m".into(),
            trace_id: "4bf92f3577b34da6a3ce929d0e0e4736".into(),
            actor: "spiffe://td/operator/li".into(),
            subject_tag: vec![7; 32].into(),
            action: "MESSAGE_FINAL".into(),
            from_unix_ms: 5,
            until_unix_ms: 9,
            page_size: 10,
            page_token: String::new(),
            newest_first: true,
        }
    }

    #[test]
    fn every_condition_that_is_given_counts_and_no_other() {
        let question = Question::parse(&full()).unwrap();
        assert_eq!(question.conditions.fields.len(), 5);
        assert_eq!(
            (
                question.conditions.from_unix_ms,
                question.conditions.until_unix_ms
            ),
            (5, 9)
        );
        assert_eq!(
            (question.page_size, question.newest_first, question.resume),
            (10, true, None)
        );
        let open = Question::parse(&QueryRequest::default()).unwrap();
        assert_eq!((open.conditions.fields.len(), open.page_size), (0, 100));
        let one = QueryRequest {
            action: "X".into(),
            ..QueryRequest::default()
        };
        assert_eq!(
            Question::parse(&one).unwrap().conditions.fields,
            [(Field::Action, b"X".to_vec())]
        );
    }

    #[test]
    fn each_wrong_field_is_named() {
        let table: [(&str, Change); 12] = [
            ("message_id", |request| request.message_id = "a b".into()),
            ("actor", |request| request.actor = "a".repeat(257)),
            ("action", |request| request.action = "\u{7f}".into()),
            ("action", |request| request.action = "message_final".into()),
            ("action", |request| request.action = "A".repeat(65)),
            ("trace_id", |request| request.trace_id = "4bf9".into()),
            ("subject_tag", |request| request.subject_tag = vec![1; 31].into()),
            ("from_unix_ms", |request| request.from_unix_ms = -1),
            ("until_unix_ms", |request| request.until_unix_ms = -1),
            ("until_unix_ms", |request| {
                request.until_unix_ms = request.from_unix_ms;
            }),
            ("page_size", |request| request.page_size = 1_001),
            ("page_token", |request| request.page_token = "00".into()),
        ];
        for (field, change) in table {
            let mut request = full();
            change(&mut request);
            let problem = Question::parse(&request).unwrap_err();
            let fields: Vec<_> = problem
                .fields
                .iter()
                .map(|problem| problem.field.as_str())
                .collect();
            assert_eq!(fields, [field]);
        }
    }

    #[test]
    fn a_token_goes_on_with_its_own_question_and_no_other() {
        let resume = Resume { index: 77, size: 99 };
        let token = token(&full(), resume);
        let next = QueryRequest {
            page_token: token.clone(),
            page_size: 20,
            ..full()
        };
        assert_eq!(Question::parse(&next).unwrap().resume, Some(resume));
        let changes: [Change; 8] = [
            |request| request.message_id.clear(),
            |request| request.trace_id.clear(),
            |request| request.actor.push('x'),
            |request| request.subject_tag = vec![8; 32].into(),
            |request| request.action = "OTHER".into(),
            |request| request.from_unix_ms = 6,
            |request| request.until_unix_ms = 8,
            |request| request.newest_first = false,
        ];
        for change in changes {
            let mut other = next.clone();
            change(&mut other);
            assert!(Question::parse(&other).is_err(), "{other:?}");
        }
        for broken in [&token[1..], &format!("02{}", &token[2..]), "zz", "你好"] {
            let request = QueryRequest {
                page_token: broken.to_owned(),
                ..full()
            };
            assert!(Question::parse(&request).is_err(), "{broken}");
        }
    }
}
