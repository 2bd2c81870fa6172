//! Gathers the three stories of [`super::history`] from a mesh that has come to rest.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use futures_util::{StreamExt as _, TryStreamExt as _};
use hongyan_proto::{
    audit::v1::{GetHeadRequest, QueryRequest, audit_service_client::AuditServiceClient},
    common::v1::MessageClass,
    dispatch::v1::{
        GetMessageRequest, MessageStatus, Receipt, SendMessageRequest,
        dispatch_service_client::DispatchServiceClient,
    },
};
use tonic::transport::Channel;

use super::{
    history::{History, Recorded, Told, ToldReceipt, Took},
    mesh::{Client, Gateway},
    traffic::Answers,
};

const LOOK_UPS_AT_ONCE: usize = 32;
const PAGE: u32 = 1_000;

/// `DELIVERED` for `MESSAGE_STATUS_DELIVERED`.
pub fn status_word(status: i32) -> String {
    let name = MessageStatus::try_from(status).unwrap_or_default().as_str_name();
    name.trim_start_matches("MESSAGE_STATUS_").to_owned()
}

/// The three stories of `sent`, each message to a number of its own.
pub async fn gather(
    caller: &Client,
    operator: &Client,
    gateways: &[Gateway],
    sent: &[SendMessageRequest],
    answers: &Answers,
    receipts: &[Receipt],
) -> Result<History> {
    let mut told = told(sent, answers, receipts);
    let mut history = History {
        stray_receipts: receipts
            .iter()
            .filter(|receipt| !told.contains_key(&receipt.message_id))
            .map(|receipt| receipt.message_id.clone())
            .collect(),
        took: took(gateways).await?,
        ..History::default()
    };
    look_up(&caller.dispatch()?, &mut told).await?;
    history.told = told.into_values().collect();
    let mut audit = operator.audit()?;
    history.recorded = recorded(&mut audit).await?;
    let head = audit.get_head(GetHeadRequest {}).await?.into_inner();
    history.gaps = head
        .gaps
        .iter()
        .map(|gap| {
            format!(
                "{} epoch {}: {}..={}",
                gap.producer, gap.epoch, gap.first_missing, gap.last_missing
            )
        })
        .collect();
    Ok(history)
}

fn told(sent: &[SendMessageRequest], answers: &Answers, receipts: &[Receipt]) -> BTreeMap<String, Told> {
    let mut told: BTreeMap<String, Told> = sent
        .iter()
        .filter_map(|request| {
            let accepted = answers.accepted.get(&request.request_id)?;
            let one = Told {
                message_id: accepted.message_id.clone(),
                marker: national(&request.phone),
                never_twice: request.class() == MessageClass::Otp,
                segments: accepted.segments,
                receipts: Vec::new(),
                looked_up: None,
            };
            Some((accepted.message_id.clone(), one))
        })
        .collect();
    for receipt in receipts {
        if let Some(one) = told.get_mut(&receipt.message_id) {
            one.receipts.push(ToldReceipt {
                status: status_word(receipt.status.as_ref().map_or(0, |status| status.status)),
                correction: receipt.correction,
                possible_duplicate: receipt.possible_duplicate,
            });
        }
    }
    told
}

async fn look_up(dispatch: &DispatchServiceClient<Channel>, told: &mut BTreeMap<String, Told>) -> Result<()> {
    let ids: Vec<String> = told.keys().cloned().collect();
    let states: Vec<(String, Option<String>)> = futures_util::stream::iter(ids)
        .map(|message_id| {
            let mut dispatch = dispatch.clone();
            async move {
                let request = GetMessageRequest {
                    message_id: message_id.clone(),
                };
                let answer = dispatch
                    .get_message(request)
                    .await
                    .context("a look-up")?
                    .into_inner();
                let status = answer.status.context("a message without status")?;
                anyhow::Ok((message_id, status.r#final.then(|| status_word(status.status))))
            }
        })
        .buffer_unordered(LOOK_UPS_AT_ONCE)
        .try_collect()
        .await?;
    for (id, state) in states {
        if let Some(one) = told.get_mut(&id) {
            one.looked_up = state;
        }
    }
    Ok(())
}

async fn took(gateways: &[Gateway]) -> Result<Took> {
    let mut took = Took::new();
    for gateway in gateways {
        for segment in gateway.taken(None).await? {
            let number = segment.part.as_ref().map_or(1, |part| part.number);
            *took
                .entry(national(&segment.number))
                .or_default()
                .entry(number)
                .or_default() += 1;
        }
    }
    Ok(took)
}

async fn recorded(audit: &mut AuditServiceClient<Channel>) -> Result<BTreeMap<String, Recorded>> {
    let mut recorded: BTreeMap<String, Recorded> = BTreeMap::new();
    for leaf in all_leaves(audit, QueryRequest::default()).await? {
        let Some(event) = leaf.event else { continue };
        match event.action.as_str() {
            "MESSAGE_ACCEPTED" => recorded.entry(event.message_id).or_default().accepted += 1,
            "MESSAGE_FINAL" | "MESSAGE_CORRECTED" => {
                recorded
                    .entry(event.message_id)
                    .or_default()
                    .finals
                    .push(event.outcome);
            }
            _ => {}
        }
    }
    Ok(recorded)
}

/// Every leaf that a question finds, oldest first.
pub async fn all_leaves(
    audit: &mut AuditServiceClient<Channel>,
    mut question: QueryRequest,
) -> Result<Vec<hongyan_proto::audit::v1::Leaf>> {
    question.page_size = PAGE;
    let mut leaves = Vec::new();
    loop {
        let answer = audit.query(question.clone()).await?.into_inner();
        leaves.extend(answer.leaves);
        if answer.next_page_token.is_empty() {
            return Ok(leaves);
        }
        question.page_token = answer.next_page_token;
    }
}

/// The eleven digits of a number in any writing.
fn national(number: &str) -> String {
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    digits[digits.len().saturating_sub(11)..].to_owned()
}
