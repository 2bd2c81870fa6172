//! `hongyan status`.

mod processes;

use std::collections::BTreeMap;

use futures_util::future::{join_all, join3};
use hongyan_chassis::Problem;
use hongyan_proto::{
    carrier::v1::{ConnectionState, GetLinksRequest, GetLinksResponse, LinkState},
    dispatch::v1::{GetQueuesRequest, GetQueuesResponse, LinkHealthState, QueueState},
};
use serde_json::{Value, json};

use crate::{
    answer::{Answer, Failure, problem_json},
    clients::Clients,
    exit::Exit,
    screen::Screen,
    table::{slim_table, table},
    when, words,
};
use processes::Process;

const READY: &str = "READY";
/// Nothing is to do, and the connection is made when something is: as good as ready.
const IDLE: &str = "IDLE";
/// A connection that the gateway makes to us, on which nothing is sent.
const RECEIVE: &str = "RECEIVE";

/// What each service said, or why it said nothing.
#[derive(Debug, Default)]
struct Seen {
    processes: Vec<Process>,
    /// For each process of the link service.
    links: Vec<(String, Result<GetLinksResponse, Problem>)>,
    dispatch: Option<Result<GetQueuesResponse, Problem>>,
}

pub(crate) async fn run(clients: &Clients, screen: Screen) -> Result<Answer, Failure> {
    if clients.settings.links.is_empty() {
        return Err(Failure::Usage("links must be set for this command".to_owned()));
    }
    let mut dispatch = clients.dispatch()?;
    let links: Vec<_> = clients
        .settings
        .links
        .iter()
        .map(|address| Ok::<_, Failure>((address.clone(), clients.link(address)?)))
        .collect::<Result<_, _>>()?;
    let links = links.into_iter().map(|(address, mut client)| async move {
        let answer = client.get_links(GetLinksRequest {}).await;
        (
            address,
            answer
                .map(tonic::Response::into_inner)
                .map_err(|status| Problem::from_status(&status)),
        )
    });
    let queues = dispatch.get_queues(GetQueuesRequest {});
    let (processes, links, dispatch) = join3(processes::ask(clients), join_all(links), queues).await;
    let dispatch = dispatch
        .map(tonic::Response::into_inner)
        .map_err(|status| Problem::from_status(&status));
    Ok(render(
        &Seen {
            processes: processes?,
            links,
            dispatch: Some(dispatch),
        },
        screen,
    ))
}

/// A link without a connection that is ready, on any process, is a no, and so is a process that is not ready; a service
/// that does not answer is worse.
fn render(seen: &Seen, screen: Screen) -> Answer {
    let answers: Vec<_> = seen
        .links
        .iter()
        .filter_map(|(_, answer)| answer.as_ref().ok())
        .collect();
    let (queues, routing) = match &seen.dispatch {
        Some(Ok(dispatch)) => (Some(&dispatch.queues), dispatch.links.as_slice()),
        _ => (None, &[][..]),
    };
    let mut parts = Vec::new();
    if !seen.processes.is_empty() {
        parts.push(processes::render(&seen.processes, screen));
    }
    if !answers.is_empty() {
        parts.extend([connections(&answers, screen), rates(&answers, routing, screen)]);
    }
    if let Some(queues) = queues {
        parts.push(queue_table(queues, screen));
    }
    let problems = problems(seen);
    for (service, problem) in &problems {
        parts.push(format!("{service}: {problem}"));
    }
    let silent = seen
        .processes
        .iter()
        .find_map(|process| process.answer.as_ref().err());
    let all_ready = seen
        .processes
        .iter()
        .all(|process| process.answer.as_ref().is_ok_and(|answer| answer.ready));
    let exit = match problems.first().map(|(_, problem)| *problem).or(silent) {
        Some(problem) => Exit::of(problem),
        None if all_ready && all_links_up(&answers) => Exit::Yes,
        None => Exit::No,
    };
    let queues = queues.into_iter().flatten().map(queue_json);
    let processes = answers.iter().map(|answer| {
        json!({
            "instance": answer.instance,
            "links": answer.links.iter().map(link_json).collect::<Vec<_>>(),
        })
    });
    Answer {
        text: parts.join("\n\n"),
        exit,
        json: json!({
            "services": seen.processes.iter().map(processes::to_json).collect::<Vec<_>>(),
            "processes": processes.collect::<Vec<_>>(),
            "queues": queues.collect::<Vec<_>>(),
            "routing": routing.iter().map(routing_json).collect::<Vec<_>>(),
            "errors": problems.iter().map(|(service, problem)| problem_json(service, problem)).collect::<Vec<_>>(),
        }),
    }
}

fn problems(seen: &Seen) -> Vec<(String, &Problem)> {
    let links = seen
        .links
        .iter()
        .filter_map(|(address, answer)| Some((format!("carrier-link at {address}"), answer.as_ref().err()?)));
    let queues = seen.dispatch.as_ref().and_then(|answer| answer.as_ref().err());
    links
        .chain(queues.map(|problem| ("dispatch".to_owned(), problem)))
        .collect()
}

fn all_links_up(answers: &[&GetLinksResponse]) -> bool {
    let links = || answers.iter().flat_map(|answer| &answer.links);
    links().all(|link| {
        let same = links().filter(|other| other.link == link.link);
        same.flat_map(|other| &other.connections).any(can_send)
    })
}

fn can_send(connection: &ConnectionState) -> bool {
    connection.direction != RECEIVE && [READY, IDLE].contains(&connection.state.as_str())
}

/// One row for each connection; one for a link that a process holds no connection of. The process is named where there
/// are several.
fn connections(answers: &[&GetLinksResponse], screen: Screen) -> String {
    let mut rows = Vec::new();
    for answer in answers {
        let process = if answers.len() > 1 {
            short(&answer.instance)
        } else {
            ""
        };
        for link in &answer.links {
            if link.connections.is_empty() {
                rows.push(link_without_connection(link, process));
            }
            for connection in &link.connections {
                rows.push(connection_row(link, process, connection, screen));
            }
        }
    }
    rows.sort();
    let heading = [
        "link",
        "slot",
        "way",
        "state",
        "version",
        "window",
        "sent/s",
        "answer ms",
        "reconnects",
        "since",
        "process",
        "last error",
    ];
    slim_table(screen, heading, rows)
}

/// `carrier-link-svc-7cc5619f` of `carrier-link-svc-7cc5619f-b8f3-4d92-8c30-021498866081`: enough to find its log.
fn short(instance: &str) -> &str {
    const TAIL: usize = "-b8f3-4d92-8c30-021498866081".len();
    let head_and_tail = instance
        .len()
        .checked_sub(TAIL)
        .and_then(|cut| instance.split_at_checked(cut));
    match head_and_tail {
        Some((head, tail)) if tail.starts_with('-') && tail.matches('-').count() == 4 => head,
        _ => instance,
    }
}

fn link_without_connection(link: &LinkState, process: &str) -> [String; 12] {
    let mut row = [const { String::new() }; 12];
    row[0].clone_from(&link.link);
    row[3] = format!("none of {} held here", link.connections_allowed);
    process.clone_into(&mut row[10]);
    row
}

fn connection_row(
    link: &LinkState,
    process: &str,
    connection: &ConnectionState,
    screen: Screen,
) -> [String; 12] {
    let sends = connection.direction != RECEIVE;
    let of_sending = |text: String| if sends { text } else { String::new() };
    [
        link.link.clone(),
        connection.slot.to_string(),
        way(&connection.direction).to_owned(),
        connection.state.clone(),
        connection.version.clone(),
        of_sending(format!("{}/{}", connection.in_flight, connection.window)),
        of_sending(format!("{:.1}", connection.segments_per_second)),
        of_sending(answer_times(connection)),
        connection.reconnects.to_string(),
        screen.time(connection.since_unix_ms),
        process.to_owned(),
        connection.last_error.clone(),
    ]
}

/// Which way messages go, as seen from here.
fn way(direction: &str) -> &str {
    match direction {
        "BOTH" => "both",
        "SEND" => "out",
        RECEIVE => "in",
        other => other,
    }
}

/// The middle and the slowest hundredth of the last minute's answers; empty where there were none.
fn answer_times(connection: &ConnectionState) -> String {
    if connection.response_p99_ms > 0.0 {
        format!(
            "{:.0} p99 {:.0}",
            connection.response_p50_ms, connection.response_p99_ms
        )
    } else {
        String::new()
    }
}

/// One link over all processes.
struct Sum<'a> {
    link: &'a LinkState,
    ready: usize,
    segments_per_second: f64,
    receipts_per_second: f64,
}

impl<'a> Sum<'a> {
    fn of(link: &'a LinkState) -> Self {
        Self {
            link,
            ready: 0,
            segments_per_second: 0.0,
            receipts_per_second: 0.0,
        }
    }
}

/// One row for each link.
fn rates(answers: &[&GetLinksResponse], routing: &[LinkHealthState], screen: Screen) -> String {
    let mut sums: BTreeMap<&str, Sum<'_>> = BTreeMap::new();
    for link in answers.iter().flat_map(|answer| &answer.links) {
        let sum = sums.entry(&link.link).or_insert_with(|| Sum::of(link));
        sum.ready += link
            .connections
            .iter()
            .filter(|connection| can_send(connection))
            .count();
        sum.segments_per_second += link.segments_per_second;
        sum.receipts_per_second += link.receipts_per_second;
    }
    let rows = sums.into_iter().map(|(name, sum)| {
        [
            name.to_owned(),
            words::carrier(sum.link.carrier),
            sum.link.protocol.clone(),
            format!("{}/{}", sum.ready, sum.link.connections_allowed),
            format!("{:.1}", sum.segments_per_second),
            sum.link.pace_allowed.to_string(),
            format!("{:.1}", sum.receipts_per_second),
            routed(name, routing).to_owned(),
        ]
    });
    table(
        screen,
        &[
            "link",
            "carrier",
            "protocol",
            "ready",
            "sent/s",
            "pace/s",
            "receipts/s",
            "routing",
        ],
        rows,
    )
}

/// How dispatch sees a link: what is down has its messages go another way, where there is one.
fn routed(link: &str, routing: &[LinkHealthState]) -> &'static str {
    match routing.iter().find(|state| state.link == link) {
        Some(state) if state.down => "down",
        Some(_) => "up",
        None => "",
    }
}

/// Only queues that hold something; there is one for each partition, link and class.
fn queue_table(queues: &[QueueState], screen: Screen) -> String {
    let rows: Vec<_> = queues
        .iter()
        .filter(|queue| queue.waiting > 0 || queue.taken > 0)
        .map(|queue| {
            [
                queue.queue.clone(),
                queue.link.clone(),
                words::class(queue.class),
                queue.waiting.to_string(),
                queue.taken.to_string(),
                age(queue.oldest_age_ms),
            ]
        })
        .collect();
    if rows.is_empty() {
        return format!("all {} send queues are empty", queues.len());
    }
    let empty = queues.len() - rows.len();
    let shown = table(
        screen,
        &["queue", "link", "class", "waiting", "taken", "oldest"],
        rows,
    );
    match empty {
        0 => shown,
        _ => format!("{shown}\n{empty} other send queues are empty"),
    }
}

fn age(ms: u64) -> String {
    when::elapsed(i64::try_from(ms).unwrap_or(i64::MAX))
        .trim_start_matches('+')
        .to_owned()
}

fn link_json(link: &LinkState) -> Value {
    let connections = link.connections.iter().map(|connection| {
        json!({
            "slot": connection.slot,
            "state": connection.state,
            "version": connection.version,
            "window": connection.window,
            "in_flight": connection.in_flight,
            "reconnects": connection.reconnects,
            "last_error": connection.last_error,
            "since_unix_ms": connection.since_unix_ms,
            "direction": connection.direction,
            "response_p50_ms": connection.response_p50_ms,
            "response_p99_ms": connection.response_p99_ms,
            "segments_per_second": connection.segments_per_second,
        })
    });
    json!({
        "link": link.link,
        "carrier": words::carrier(link.carrier),
        "protocol": link.protocol,
        "connections_allowed": link.connections_allowed,
        "connections": connections.collect::<Vec<_>>(),
        "pace_allowed": link.pace_allowed,
        "segments_per_second": link.segments_per_second,
        "receipts_per_second": link.receipts_per_second,
    })
}

fn queue_json(queue: &QueueState) -> Value {
    json!({
        "queue": queue.queue,
        "link": queue.link,
        "class": words::class(queue.class),
        "waiting": queue.waiting,
        "taken": queue.taken,
        "oldest_age_ms": queue.oldest_age_ms,
    })
}

fn routing_json(link: &LinkHealthState) -> Value {
    json!({
        "link": link.link,
        "down": link.down,
        "connections_ready": link.connections_ready,
        "connections_allowed": link.connections_allowed,
        "told_at_unix_ms": link.told_at_unix_ms,
        "ready_at_unix_ms": link.ready_at_unix_ms,
    })
}

#[cfg(test)]
mod tests;
