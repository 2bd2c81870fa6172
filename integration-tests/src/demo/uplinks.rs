//! The step in which residents text.

use std::time::Duration;

use anyhow::{Context as _, Result};
use hongyan_proto::{
    dispatch::v1::GetMessageRequest,
    uplink::v1::{Uplink, UplinkDisposition, WatchUplinksRequest},
};
use tokio_stream::StreamExt as _;

use super::{screen::Screen, story::Cast};
use crate::harness::{
    mesh::{
        Gateway,
        people::{BALANCES, PEOPLE},
    },
    wait,
};

/// The bureau's number in the example catalog.
const ACCESS_NUMBER: &str = "1069812333";
const LIMIT: Duration = Duration::from_secs(30);

pub(super) async fn texts(screen: &mut Screen, cast: &mut Cast) -> Result<()> {
    let resident = PEOPLE[0].phone;
    let (card, balance) = BALANCES[0];

    cast.gateway
        .uplink(resident, ACCESS_NUMBER, &format!("SBYE#{card}"))
        .await?;
    let answer = text_with(&cast.gateway, resident, balance).await?;
    screen.say("SBYE#<card> → the reply, as the handset shows it, but for the card:");
    let tail = &card[card.len() - 4..];
    screen.block(&answer.replace(tail, "****"));
    screen.check(
        "the reply holds the balance that the bureau's own program gave",
        answer.contains(balance),
    );
    screen.check("it is signed by the bureau", answer.starts_with("【滨海人社】"));

    cast.gateway
        .uplink(resident, ACCESS_NUMBER, "今天天气怎么样")
        .await?;
    let help = text_with(&cast.gateway, resident, "SBZD").await?;
    screen.say("an unknown text →");
    screen.block(&help);
    screen.check("an unknown text gets the help text", help.contains("SBYE#"));

    for (gateway, person) in cast.mesh.gateways().iter().zip(PEOPLE).skip(1) {
        gateway
            .uplink(person.phone, ACCESS_NUMBER, "今天天气怎么样")
            .await?;
        let answered = text_with(gateway, person.phone, "SBZD").await.is_ok();
        let speaks = gateway.stats().await?["protocol"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        screen.check(format!("and so it does by {speaks}"), answered);
    }

    let uplinks = watched(cast, 4).await?;
    screen.table(
        ["uplink", "rule", "what became of it", "reply"],
        uplinks.iter().map(|uplink| {
            [
                uplink.uplink_id.clone(),
                uplink.command.clone(),
                uplink
                    .disposition()
                    .as_str_name()
                    .trim_start_matches("UPLINK_DISPOSITION_")
                    .to_owned(),
                uplink.reply_message_id.clone(),
            ]
        }),
    );
    let dispositions: Vec<UplinkDisposition> = uplinks.iter().map(Uplink::disposition).collect();
    screen.check(
        "the bureau's stream of texts tells all four",
        dispositions
            == [
                UplinkDisposition::Answered,
                UplinkDisposition::Help,
                UplinkDisposition::Help,
                UplinkDisposition::Help,
            ],
    );
    *cast.accepted.entry("REPLY").or_default() += 4;
    let reply = uplinks
        .first()
        .map(|uplink| uplink.reply_message_id.clone())
        .context("no uplink was told")?;
    let request = GetMessageRequest { message_id: reply };
    let message = cast.bureau.dispatch()?.get_message(request).await?.into_inner();
    cast.answer_trace = Some(message.trace_id);
    Ok(())
}

/// The newest text of a number that holds `part`.
async fn text_with(gateway: &Gateway, number: &str, part: &str) -> Result<String> {
    wait::until("a reply at the handset", LIMIT, || async {
        gateway
            .texts(number)
            .await
            .ok()?
            .into_iter()
            .rev()
            .find(|text| text.contains(part))
    })
    .await
}

async fn watched(cast: &Cast, count: usize) -> Result<Vec<Uplink>> {
    let request = WatchUplinksRequest {
        subscription: "demo".to_owned(),
        cursor: String::new(),
    };
    let mut stream = cast.bureau.uplink()?.watch_uplinks(request).await?.into_inner();
    let mut uplinks = Vec::new();
    while uplinks.len() < count {
        let next = tokio::time::timeout(LIMIT, stream.next())
            .await
            .context("the uplinks were not told")?;
        uplinks.extend(next.context("the stream of uplinks ended")??.uplinks);
    }
    Ok(uplinks)
}
