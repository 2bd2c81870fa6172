//! The part of `hongyan status` about the processes: which of them can do their work, and what the others lack.

use futures_util::future::join_all;
use hongyan_chassis::{Channel, Problem};
use hongyan_proto::process::v1::{
    GetReadinessRequest, GetReadinessResponse, process_service_client::ProcessServiceClient,
};
use serde_json::{Value, json};

use crate::{answer::Failure, clients::Clients, reach, screen::Screen, settings::Place, table::table};

/// What a process said of itself, or why it said nothing.
#[derive(Debug)]
pub(super) struct Process {
    /// `audit`, or `carrier-link at host:port`.
    pub(super) service: String,
    pub(super) answer: Result<GetReadinessResponse, Problem>,
}

/// Asks every process whose address is set.
pub(super) async fn ask(clients: &Clients) -> Result<Vec<Process>, Failure> {
    let mut asked = Vec::new();
    for place in [Place::Audit, Place::Verify, Place::Dispatch] {
        if let Some(client) = clients.process(place)?
            && let Ok((address, id)) = clients.settings.place(place)
        {
            asked.push((place.name().to_owned(), address, id, client));
        }
    }
    for address in &clients.settings.links {
        let service = format!("carrier-link at {address}");
        let client = clients.link_process(address)?;
        asked.push((service, address, &clients.settings.link_id, client));
    }
    let asked = asked
        .into_iter()
        .map(|(service, address, id, client)| one(service, address, id, client));
    Ok(join_all(asked).await)
}

async fn one(service: String, address: &str, id: &str, mut client: ProcessServiceClient<Channel>) -> Process {
    let answer = match client.get_readiness(GetReadinessRequest {}).await {
        Ok(answer) => Ok(answer.into_inner()),
        Err(status) => {
            let mut problem = Problem::from_status(&status);
            if problem.reason == "UNREACHABLE" {
                problem.message = format!("{}: {}", problem.message, reach::look(address, id).await);
            }
            Err(problem)
        }
    };
    Process { service, answer }
}

/// One row for each; below them what an unready one lacks, in its own words.
pub(super) fn render(processes: &[Process], screen: Screen) -> String {
    let rows = processes.iter().map(|process| {
        let (state, version) = match &process.answer {
            Ok(answer) if answer.ready => ("ready", answer.version.clone()),
            Ok(answer) => ("NOT READY", answer.version.clone()),
            Err(_) => ("NO ANSWER", String::new()),
        };
        [process.service.clone(), state.to_owned(), version]
    });
    let mut lines = vec![table(screen, &["service", "state", "version"], rows)];
    for process in processes {
        match &process.answer {
            Ok(answer) => lines.extend(
                answer
                    .reasons
                    .iter()
                    .map(|reason| format!("{} is not ready: {reason}", process.service)),
            ),
            Err(problem) => lines.push(format!(
                "{} does not answer: {} ({})",
                process.service, problem.message, problem.reason
            )),
        }
    }
    lines.join("\n")
}

pub(super) fn to_json(process: &Process) -> Value {
    match &process.answer {
        Ok(answer) => json!({
            "service": process.service,
            "instance": answer.instance,
            "version": answer.version,
            "ready": answer.ready,
            "reasons": answer.reasons,
        }),
        Err(problem) => json!({
            "service": process.service,
            "ready": false,
            "reasons": [format!("{} ({})", problem.message, problem.reason)],
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use time::macros::offset;

    use super::*;

    #[test]
    fn what_a_process_lacks_stands_below_in_its_own_words() {
        let said = |service: &str, reasons: &[&str]| Process {
            service: service.to_owned(),
            answer: Ok(GetReadinessResponse {
                instance: format!("{service}-1"),
                version: "1.2.3".to_owned(),
                ready: reasons.is_empty(),
                reasons: reasons.iter().map(|reason| (*reason).to_owned()).collect(),
            }),
        };
        let gone = Process {
            service: "dispatch".to_owned(),
            answer: Err(Problem::unavailable(
                "UNREACHABLE",
                "cannot be reached",
                Duration::ZERO,
            )),
        };
        let processes = [
            said("audit", &["record: the disk refused a write"]),
            said("verify", &[]),
            gone,
        ];
        let text = render(&processes, Screen::unlimited(offset!(UTC)));
        for expected in [
            "NOT READY",
            "audit is not ready: record: the disk refused a write",
            "dispatch does not answer: cannot be reached (UNREACHABLE)",
        ] {
            assert!(text.contains(expected), "{expected} in {text}");
        }
        assert!(!text.contains("verify is not"), "{text}");
        let json: Vec<_> = processes.iter().map(to_json).collect();
        assert_eq!(json[0]["reasons"], json!(["record: the disk refused a write"]));
        assert_eq!(
            (&json[1]["ready"], &json[2]["ready"]),
            (&json!(true), &json!(false))
        );
    }
}
