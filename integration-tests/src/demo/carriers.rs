//! The step in which each carrier is spoken to in its own protocol.

use std::time::Duration;

use anyhow::{Context as _, Result};
use hongyan_proto::{
    common::v1::MessageClass,
    dispatch::v1::{Receipt, Segment},
};

use super::{
    aggregator,
    messages::{delivered, receipt_of},
    screen::Screen,
    story::Cast,
};
use crate::harness::{
    judge::status_word,
    mesh::{LINKS_OF_THE_EXAMPLE, Spoken, people::PEOPLE},
    traffic::request,
    wait,
};

const LIMIT: Duration = Duration::from_secs(30);
/// Two segments.
const TEXT: &str = "尊敬的客户，您的保单将于下月到期。请在到期日前登录客户服务平台办理续期，逾期未缴费的，保障将在宽限期届满后中止，\
                    恢复时需要重新告知健康状况。如已缴费，请忽略本通知。";

/// What each link of the example catalog speaks here: its carrier's own protocol.
pub(super) const OWN_PROTOCOLS: [Spoken; 3] = [Spoken::Cmpp3, Spoken::Sgip, Spoken::Smgp3];

/// What became of one message.
struct Told {
    row: [String; 5],
    delivered: bool,
    whole: bool,
    own: bool,
}

/// A notice of two segments to a customer of each carrier.
pub(super) async fn own_protocols(screen: &mut Screen, cast: &mut Cast) -> Result<()> {
    let mut told = Vec::new();
    for (n, ((link, spoken), person)) in LINKS_OF_THE_EXAMPLE
        .iter()
        .zip(OWN_PROTOCOLS)
        .zip(PEOPLE)
        .enumerate()
    {
        let receipt = notice(cast, link.name, person.phone).await?;
        let gateway = cast
            .mesh
            .gateways()
            .into_iter()
            .nth(n)
            .with_context(|| format!("there is no gateway of {}", link.name))?;
        let whole = wait::until("the text at the handset", LIMIT, || async {
            gateway
                .texts(person.phone)
                .await
                .ok()
                .filter(|texts| is_shown(texts))
        })
        .await;
        let stats = gateway.stats().await?;
        let speaks = stats["protocol"].as_str().unwrap_or_default();
        told.push(tell(link.name, spoken, &receipt, whole.is_ok(), speaks));
    }
    let receipt = notice(cast, aggregator::LINK, aggregator::CUSTOMER).await?;
    let texts = cast.aggregator.texts(aggregator::CUSTOMER);
    let stats = cast.aggregator.stats();
    told.push(tell(
        aggregator::LINK,
        Spoken::Smpp,
        &receipt,
        is_shown(&texts),
        &stats.protocol,
    ));

    screen.table(
        [
            "link",
            "protocol",
            "carrier's id of the first segment",
            "status",
            "raw code",
        ],
        told.iter().map(|one| one.row.clone()),
    );
    screen.check(
        "each gateway was spoken to in its carrier's own protocol",
        told.iter().all(|one| one.own),
    );
    screen.check(
        "each was delivered, both segments, by its carrier's word",
        told.iter().all(|one| one.delivered),
    );
    screen.check(
        "each handset shows the whole text",
        told.iter().all(|one| one.whole),
    );
    Ok(())
}

async fn notice(cast: &mut Cast, link: &str, phone: &str) -> Result<Receipt> {
    let sent = request(&format!("demo-{link}"), phone, MessageClass::Notice, TEXT);
    let accepted = cast.insurer.dispatch()?.send_message(sent).await?.into_inner();
    *cast.accepted.entry("NOTICE").or_default() += 1;
    receipt_of(cast, &accepted.message_id).await
}

fn is_shown(texts: &[String]) -> bool {
    texts.iter().any(|shown| shown.ends_with(TEXT))
}

fn tell(link: &str, spoken: Spoken, receipt: &Receipt, whole: bool, speaks: &str) -> Told {
    let Segment {
        status,
        carrier_message_id,
        ..
    } = receipt.segments.first().cloned().unwrap_or_default();
    let status = status.unwrap_or_default();
    Told {
        row: [
            link.to_owned(),
            spoken.label().to_owned(),
            carrier_message_id,
            status_word(status.status),
            status.raw_code,
        ],
        delivered: delivered(receipt) && receipt.segments.len() == 2,
        whole,
        own: spoken.label().starts_with(speaks),
    }
}
