//! `hongyan audit stats`: what became of messages, against the promise of 95 %.

mod plot;

use std::collections::BTreeMap;

use hongyan_proto::audit::v1::{GetStatisticsRequest, GetStatisticsResponse, StatisticsRow};
use serde_json::{Value, json};

use crate::{
    answer::{Answer, Failure},
    args::Stats,
    clients::Clients,
    exit::Exit,
    screen::Screen,
    table::table,
    when,
};

/// What the bureau was promised: of 1,000 accepted messages so many are delivered.
const PROMISED_PER_MILLE: u64 = 950;
/// Causes that are told apart; the rest are counted together.
const MOST_CAUSES: usize = 12;

pub(crate) async fn run(args: &Stats, clients: &Clients, screen: Screen) -> Result<Answer, Failure> {
    let request = request(args, when::now_unix_ms())?;
    let mut client = clients.audit()?;
    let answer = client
        .get_statistics(request)
        .await
        .map_err(Failure::of("audit"))?
        .into_inner();
    Ok(render(&answer, screen))
}

fn request(args: &Stats, now_unix_ms: i64) -> Result<GetStatisticsRequest, Failure> {
    let time = |name: &str, text: &Option<String>| match text {
        None => Ok(0),
        Some(text) => when::parse(text, now_unix_ms).map_err(|why| Failure::Usage(format!("--{name} {why}"))),
    };
    Ok(GetStatisticsRequest {
        from_unix_ms: time("from", &args.from)?,
        until_unix_ms: time("until", &args.until)?,
        tenant: args.tenant.clone(),
        carrier: args.carrier.clone(),
        class: args.class.clone(),
    })
}

/// Messages added up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Sum {
    accepted: u64,
    delivered: u64,
    undelivered: u64,
    unknown: u64,
}

impl Sum {
    fn add(&mut self, row: &StatisticsRow) {
        self.accepted += row.accepted;
        self.delivered += row.delivered;
        self.undelivered += row.undelivered.values().sum::<u64>();
        self.unknown += row.unknown;
    }

    /// `None` where nothing was accepted. Rounded down, so that 95.0 is said of no less.
    fn delivered_per_mille(&self) -> Option<u64> {
        let per_mille = u128::from(self.delivered) * 1_000 / u128::from(self.accepted.max(1));
        (self.accepted > 0).then(|| u64::try_from(per_mille).unwrap_or(u64::MAX))
    }

    fn keeps_promise(&self) -> bool {
        self.delivered_per_mille()
            .is_none_or(|per_mille| per_mille >= PROMISED_PER_MILLE)
    }

    fn percent(&self) -> String {
        self.delivered_per_mille().map_or_else(
            || "-".to_owned(),
            |per_mille| format!("{}.{}", per_mille / 10, per_mille % 10),
        )
    }

    fn cells(&self, name: [String; 3]) -> Vec<String> {
        let kept = if self.keeps_promise() { "yes" } else { "NO" };
        let numbers = [self.accepted, self.delivered, self.undelivered, self.unknown];
        name.into_iter()
            .chain(numbers.map(grouped))
            .chain([self.percent(), kept.to_owned()])
            .collect()
    }

    fn json(&self) -> Value {
        json!({
            "accepted": self.accepted,
            "delivered": self.delivered,
            "undelivered": self.undelivered,
            "unknown": self.unknown,
            "delivered_per_mille": self.delivered_per_mille(),
            "keeps_promise": self.keeps_promise(),
        })
    }
}

/// Less than 95 % of everything that was asked about is a no.
fn render(answer: &GetStatisticsResponse, screen: Screen) -> Answer {
    let mut all = Sum::default();
    let mut sums: BTreeMap<[&str; 3], Sum> = BTreeMap::new();
    let mut causes: BTreeMap<&str, u64> = BTreeMap::new();
    let mut hours: BTreeMap<i64, Sum> = BTreeMap::new();
    for row in &answer.rows {
        all.add(row);
        sums.entry([&row.tenant, &row.carrier, &row.class])
            .or_default()
            .add(row);
        hours.entry(row.hour_unix_ms).or_default().add(row);
        for (cause, count) in &row.undelivered {
            *causes.entry(cause).or_default() += count;
        }
    }
    let mut causes: Vec<_> = causes.into_iter().collect();
    causes.sort_by_key(|(cause, count)| (std::cmp::Reverse(*count), *cause));
    let text = if answer.rows.is_empty() {
        "no messages".to_owned()
    } else {
        let mut parts = vec![sums_table(&sums, &all, screen)];
        if !causes.is_empty() {
            parts.push(causes_table(&causes, &all, screen));
        }
        parts.push(plot::plot(&hours, screen));
        parts.push(format!(
            "unknown: without a final status yet, or with one that says that nobody knows; the promise is {} % of what was \
             accepted",
            PROMISED_PER_MILLE / 10
        ));
        parts.join("\n\n")
    };
    let rows = answer.rows.iter().map(|row| {
        json!({
            "tenant": row.tenant,
            "carrier": row.carrier,
            "class": row.class,
            "hour_unix_ms": row.hour_unix_ms,
            "accepted": row.accepted,
            "delivered": row.delivered,
            "undelivered": row.undelivered,
            "unknown": row.unknown,
        })
    });
    Answer {
        text,
        exit: if all.keeps_promise() { Exit::Yes } else { Exit::No },
        json: json!({
            "total": all.json(),
            "rows": rows.collect::<Vec<_>>(),
            "indexed": answer.indexed,
        }),
    }
}

fn sums_table(sums: &BTreeMap<[&str; 3], Sum>, all: &Sum, screen: Screen) -> String {
    let heading = [
        "tenant",
        "carrier",
        "class",
        "accepted",
        "delivered",
        "undelivered",
        "unknown",
        "%",
        "≥ 95 %",
    ];
    let rows = sums.iter().map(|(name, sum)| sum.cells(name.map(str::to_owned)));
    let total = all.cells(["all".to_owned(), String::new(), String::new()]);
    table(screen, &heading, rows.chain([total]))
}

fn causes_table(causes: &[(&str, u64)], all: &Sum, screen: Screen) -> String {
    let share = |count: u64| {
        let per_mille = u128::from(count) * 1_000 / u128::from(all.accepted.max(1));
        format!("{}.{} %", per_mille / 10, per_mille % 10)
    };
    let (told, rest) = causes.split_at(causes.len().min(MOST_CAUSES));
    let others: u64 = rest.iter().map(|(_, count)| count).sum();
    let others = (others > 0).then(|| (format!("{} others", rest.len()), others));
    let rows = told
        .iter()
        .map(|(cause, count)| ((*cause).to_owned(), *count))
        .chain(others)
        .map(|(cause, count)| [cause, grouped(count), share(count)]);
    table(screen, &["undelivered because", "messages", "of accepted"], rows)
}

/// `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (nth, digit) in digits.chars().enumerate() {
        if nth > 0 && (digits.len() - nth).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests;
