//! `GetStatistics`: what became of messages, counted from the record.

use hongyan_chassis::{MAX_MESSAGE_OCTETS, Problem};
use hongyan_identity::SpiffeId;
use hongyan_proto::audit::v1::{GetStatisticsRequest, GetStatisticsResponse};
use prost::Message as _;
use tokio::task;

use super::{AuditRpc, behind, stopped};
use crate::{
    event::is_visible,
    index::hours,
    own,
    question::{AFTER_FROM, is_time},
    record::Stopped,
};

/// The longest tenant, carrier or class that can be asked for.
const MAX_NAME_OCTETS: usize = 64;

impl AuditRpc {
    /// Counts everything that is on record when it is asked, and puts the question itself on record first.
    pub(super) async fn statistics(
        &self,
        peer: &SpiffeId,
        request: GetStatisticsRequest,
    ) -> Result<GetStatisticsResponse, Problem> {
        check(&request)?;
        let size = self.record.head().size;
        let asked = asked(&request);
        self.put_on_record(own::event("RECORD_QUERIED", "ASKED", peer.as_str(), asked))
            .await?;
        if !self.index.reaches(size).await {
            return Err(behind());
        }
        let index = self.index.clone();
        let counted = task::spawn_blocking(move || {
            let hours = hours(request.from_unix_ms, request.until_unix_ms);
            index.statistics(hours, |cell| {
                [
                    (&request.tenant, cell.tenant),
                    (&request.carrier, cell.carrier),
                    (&request.class, cell.class),
                ]
                .into_iter()
                .all(|(wanted, found)| wanted.is_empty() || wanted == found)
            })
        });
        let counted = counted.await.map_err(|_| stopped(Stopped))?;
        let (fold, indexed) = counted
            .map_err(|error| Problem::internal(&error))?
            .ok_or_else(too_many)?;
        let answer = GetStatisticsResponse {
            rows: fold.rows(),
            indexed,
        };
        if answer.encoded_len() > MAX_MESSAGE_OCTETS {
            return Err(too_many());
        }
        Ok(answer)
    }
}

fn check(request: &GetStatisticsRequest) -> Result<(), Problem> {
    let mut problem = Problem::invalid();
    for (field, unix_ms) in [
        ("from_unix_ms", request.from_unix_ms),
        ("until_unix_ms", request.until_unix_ms),
    ] {
        if unix_ms < 0 {
            problem = problem.field(field, "must be 0 or a time after 1970");
        }
    }
    if !is_time(request.from_unix_ms, request.until_unix_ms) {
        problem = problem.field("until_unix_ms", format!("must be {AFTER_FROM}"));
    }
    for (field, name) in [
        ("tenant", &request.tenant),
        ("carrier", &request.carrier),
        ("class", &request.class),
    ] {
        if name.len() > MAX_NAME_OCTETS || !is_visible(name) {
            let why = format!("must be at most {MAX_NAME_OCTETS} visible ASCII characters");
            problem = problem.field(field, why);
        }
    }
    if problem.has_fields() {
        Err(problem)
    } else {
        Ok(())
    }
}

/// What is put on record of the question.
fn asked(request: &GetStatisticsRequest) -> impl Iterator<Item = (&'static str, String)> {
    let time = |unix_ms: i64| match unix_ms {
        0 => String::new(),
        given => given.to_string(),
    };
    let asked = [
        ("asked", "statistics".to_owned()),
        ("asked_from_unix_ms", time(request.from_unix_ms)),
        ("asked_until_unix_ms", time(request.until_unix_ms)),
        ("asked_tenant", request.tenant.clone()),
        ("asked_carrier", request.carrier.clone()),
        ("asked_class", request.class.clone()),
    ];
    asked.into_iter().filter(|(_, value)| !value.is_empty())
}

fn too_many() -> Problem {
    Problem::precondition(
        "TOO_MANY_ROWS",
        "the answer does not fit in one message: ask for a shorter time, or for one tenant",
    )
}

#[cfg(test)]
mod tests {
    use hongyan_proto::audit::v1::GetStatisticsRequest;

    use super::{asked, check};

    #[test]
    fn each_wrong_field_is_named() {
        let request = GetStatisticsRequest {
            from_unix_ms: -1,
            until_unix_ms: -2,
            tenant: "保险".into(),
            carrier: "c".repeat(65),
            class: "a b".into(),
        };
        let problem = check(&request).unwrap_err();
        let fields: Vec<_> = problem.fields.iter().map(|wrong| wrong.field.as_str()).collect();
        assert_eq!(
            fields,
            ["from_unix_ms", "until_unix_ms", "tenant", "carrier", "class"]
        );
        assert!(check(&GetStatisticsRequest::default()).is_ok());
        let backwards = GetStatisticsRequest {
            from_unix_ms: 9,
            until_unix_ms: 5,
            ..GetStatisticsRequest::default()
        };
        let problem = check(&backwards).unwrap_err();
        assert_eq!(problem.fields[0].field, "until_unix_ms");
    }

    #[test]
    fn the_record_says_what_was_asked() {
        let request = GetStatisticsRequest {
            from_unix_ms: 5,
            tenant: "bureau".into(),
            ..GetStatisticsRequest::default()
        };
        let said: Vec<_> = asked(&request).collect();
        assert_eq!(
            said,
            [
                ("asked", "statistics".to_owned()),
                ("asked_from_unix_ms", "5".to_owned()),
                ("asked_tenant", "bureau".to_owned())
            ]
        );
    }
}
