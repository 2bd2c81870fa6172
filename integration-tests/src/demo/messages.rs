//! The steps that send messages.

use std::time::Duration;

use anyhow::{Context as _, Result};
use hongyan_proto::{
    common::v1::MessageClass,
    dispatch::v1::{
        MessageStatus, Receipt, SendMessageRequest, SendMessageResponse, Template,
        send_message_request::Content,
    },
};
use tonic_types::StatusExt as _;

use super::{screen::Screen, story::Cast};
use crate::harness::{
    judge::status_word,
    mesh::people::{PEOPLE, number},
    traffic::{request, send_all},
    wait,
};

const RECEIPT_LIMIT: Duration = Duration::from_secs(30);
const STREAM_LIMIT: Duration = Duration::from_mins(2);
const STREAMED: u32 = 2_000;
/// The code that the customer is sent; eight digits, so that a search for it finds it and not chance.
pub(super) const CODE: &str = "73920518";

fn code_request(request_id: &str) -> SendMessageRequest {
    SendMessageRequest {
        content: Some(Content::Template(Template {
            id: "login-code".to_owned(),
            parameters: [("code", CODE), ("minutes", "5")]
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
                .into(),
        })),
        reference: "sign-up-1".to_owned(),
        ..request(request_id, PEOPLE[0].phone, MessageClass::Otp, "")
    }
}

pub(super) async fn one_time_code(screen: &mut Screen, cast: &mut Cast) -> Result<()> {
    let request = cast.sign_up.request(code_request("demo-code-1"))?;
    let accepted = cast.insurer.dispatch()?.send_message(request).await?.into_inner();
    *cast.accepted.entry("OTP").or_default() += 1;
    cast.code_id = Some(accepted.message_id.clone());
    show(screen, &accepted);
    let receipt = receipt_of(cast, &accepted.message_id).await?;
    cast.sign_up.clone().end(cast.mesh.world.otlp).await?;
    show_receipt(screen, &receipt);
    screen.check(
        "the code was delivered, by the carrier's own word",
        delivered(&receipt),
    );
    screen.check(
        "the receipt carries the caller's reference",
        receipt.reference == "sign-up-1",
    );
    let texts = cast.gateway.texts(PEOPLE[0].phone).await?;
    screen.check(
        "the handset shows one text, signed, with the code in it",
        texts.len() == 1 && texts[0].starts_with("【星河人寿】") && texts[0].contains(CODE),
    );
    let again = cast
        .insurer
        .dispatch()?
        .send_message(code_request("demo-code-1"))
        .await?
        .into_inner();
    screen.check(
        "the same request again gets the same answer and sends nothing",
        again == accepted,
    );
    Ok(())
}

pub(super) async fn second_code(screen: &mut Screen, cast: &Cast) -> Result<()> {
    match cast
        .insurer
        .dispatch()?
        .send_message(code_request("demo-code-2"))
        .await
    {
        Ok(_) => {
            screen.check("a second code within the minute is refused", false);
        }
        Err(status) => {
            let details = status.get_error_details();
            let reason = details.error_info().map_or("", |info| info.reason.as_str());
            let wait = details
                .retry_info()
                .and_then(|retry| retry.retry_delay)
                .unwrap_or_default();
            screen.say(format!(
                "{:?}, reason {reason}: {}",
                status.code(),
                status.message()
            ));
            screen.check(
                "the answer is RESOURCE_EXHAUSTED",
                status.code() == tonic::Code::ResourceExhausted,
            );
            screen.check(
                format!("it says how long to wait: {} s", wait.as_secs()),
                (1..=60).contains(&wait.as_secs()),
            );
        }
    }
    Ok(())
}

pub(super) async fn long_notice(screen: &mut Screen, cast: &mut Cast) -> Result<()> {
    let text = "尊敬的客户，您的年度保单报告已经生成。报告列明了本年度的保障范围、现金价值、分红情况和缴费记录，\
                请登录客户服务平台查阅，并核对投保人、被保险人和受益人的资料是否仍然准确。如需变更，请携带有效证件前往任一服务网点，\
                或者在线提交申请，我们将在五个工作日内办理完毕。感谢您一直以来的信任，祝您和家人身体健康，平安喜乐。\
                本短信由系统自动发送，请勿直接回复。";
    let sent = request("demo-notice-1", PEOPLE[0].phone, MessageClass::Notice, text);
    let accepted = cast.insurer.dispatch()?.send_message(sent).await?.into_inner();
    *cast.accepted.entry("NOTICE").or_default() += 1;
    show(screen, &accepted);
    screen.check("it counts as three segments", accepted.segments == 3);
    let receipt = receipt_of(cast, &accepted.message_id).await?;
    show_receipt(screen, &receipt);
    screen.check(
        "all three were delivered",
        delivered(&receipt) && receipt.segments.len() == 3,
    );
    let texts = cast.gateway.texts(PEOPLE[0].phone).await?;
    screen.check(
        "the handset puts them together to the same text",
        texts.iter().any(|shown| shown.ends_with(text)),
    );
    Ok(())
}

pub(super) async fn stream(screen: &mut Screen, cast: &mut Cast) -> Result<()> {
    let items: Vec<SendMessageRequest> = (0..STREAMED)
        .map(|n| {
            let text = format!("您的保单将于下月到期，请留意续期缴费通知。编号{n:05}");
            request(&format!("demo-stream-{n}"), &number(n), MessageClass::Bulk, &text)
        })
        .collect();
    let answers = send_all(&cast.insurer, &items, STREAM_LIMIT).await?;
    let accept_seconds = screen.step_seconds();
    *cast.accepted.entry("BULK").or_default() += answers.accepted.len() as u64;
    screen.check(
        format!(
            "{} of {STREAMED} accepted in {accept_seconds:.2} s",
            answers.accepted.len()
        ),
        answers.accepted.len() == STREAMED as usize,
    );
    let ids: Vec<String> = answers
        .accepted
        .values()
        .map(|accepted| accepted.message_id.clone())
        .collect();
    cast.receipts.wait_for(&ids, STREAM_LIMIT).await?;
    let seconds = screen.step_seconds();
    let receipts = cast.receipts.receipts();
    let good = receipts
        .iter()
        .filter(|receipt| ids.contains(&receipt.message_id) && delivered(receipt))
        .count();
    screen.check(
        format!(
            "{good} receipts say DELIVERED after {seconds:.2} s, {:.0} messages a second",
            f64::from(STREAMED) / seconds
        ),
        good == STREAMED as usize,
    );
    let taken = cast.gateway.taken(None).await?;
    let mut numbers: Vec<&str> = taken
        .iter()
        .map(|one| one.number.as_str())
        .filter(|one| one.contains("139000"))
        .collect();
    let submits = numbers.len();
    numbers.sort_unstable();
    numbers.dedup();
    screen.check(
        format!(
            "the carrier took {submits} submits for {} numbers: each message once",
            numbers.len()
        ),
        submits == STREAMED as usize && numbers.len() == submits,
    );
    Ok(())
}

pub(super) async fn receipt_of(cast: &Cast, message_id: &str) -> Result<Receipt> {
    cast.receipts
        .wait_for(&[message_id.to_owned()], RECEIPT_LIMIT)
        .await?;
    wait::until("the receipt", RECEIPT_LIMIT, || async {
        cast.receipts
            .receipts()
            .into_iter()
            .find(|receipt| receipt.message_id == message_id)
    })
    .await
    .context("the receipt was there a moment ago")
}

pub(super) fn delivered(receipt: &Receipt) -> bool {
    receipt
        .status
        .as_ref()
        .is_some_and(|status| status.status() == MessageStatus::Delivered && status.r#final)
}

fn show(screen: &mut Screen, accepted: &SendMessageResponse) {
    let carrier = accepted.carrier().as_str_name().trim_start_matches("CARRIER_");
    screen.say(format!(
        "accepted as {}, {} segment(s), for {carrier}",
        accepted.message_id, accepted.segments
    ));
}

fn show_receipt(screen: &mut Screen, receipt: &Receipt) {
    screen.table(
        ["segment", "status", "raw code", "carrier's id"],
        receipt.segments.iter().map(|segment| {
            let status = segment.status.clone().unwrap_or_default();
            [
                segment.number.to_string(),
                status_word(status.status),
                status.raw_code,
                segment.carrier_message_id.clone(),
            ]
        }),
    );
}
