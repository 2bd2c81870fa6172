//! `EraseSubject`: destroys a person's keys, and puts that on record.

use hongyan_chassis::Problem;
use hongyan_identity::SpiffeId;
use hongyan_proto::audit::v1::{AuditEvent, EraseSubjectRequest, EraseSubjectResponse};

use super::{AuditRpc, Unrecorded, keys_problem, stopped};
use crate::{
    event,
    keys::{KEY_DESTROYED, KeysError, Order, SubjectKeys},
    own,
    point::point,
    record::{Placed, Record, Stopped},
};

impl AuditRpc {
    pub(super) async fn erase(
        &self,
        peer: &SpiffeId,
        request: EraseSubjectRequest,
    ) -> Result<EraseSubjectResponse, Problem> {
        let order = parse(peer, request)?;
        let (keys, record) = (self.keys.clone(), self.record.clone());
        // A caller who goes away does not stop what was begun.
        let erased = tokio::spawn(async move {
            let destroyed = keys.erase(&order).await?;
            tracing::info!(
                keys = destroyed.keys,
                "a subject was erased; the record says for whom"
            );
            conclude(&keys, &record, &order, destroyed).await
        });
        match erased.await {
            Ok(erased) => erased.map_err(|error| match error {
                Unerased::Keys(error) => keys_problem(&error),
                Unerased::Stopped(error) => stopped(error),
                Unerased::Unrecorded(error) => Problem::internal(&error),
            }),
            Err(_) => Err(stopped(Stopped)),
        }
    }
}

/// Why an erasure has not come to its end; its order is kept, and finished at the next start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unerased {
    #[error(transparent)]
    Keys(#[from] KeysError),
    #[error(transparent)]
    Stopped(#[from] Stopped),
    #[error(transparent)]
    Unrecorded(#[from] Unrecorded),
}

/// Puts on record that an order was done, and forgets it.
async fn conclude(
    keys: &SubjectKeys,
    record: &Record,
    order: &Order,
    destroyed: crate::keys::Destroyed,
) -> Result<EraseSubjectResponse, Unerased> {
    let placed = record.append(vec![order.done(&destroyed)]).await?;
    point!("erasure-recorded");
    let index = match placed.first() {
        Some(Placed::Recorded(place)) => place.index,
        // An earlier process ended between this and forgetting. Nobody waits for the index.
        Some(Placed::Duplicate) => 0,
        Some(other) => return Err(Unrecorded(*other).into()),
        None => return Err(Stopped.into()),
    };
    keys.forget(order).await?;
    point!("order-forgotten");
    Ok(EraseSubjectResponse {
        keys_destroyed: destroyed.keys,
        index,
    })
}

/// Finishes the erasures that an earlier process left: destroyed and on record, or both still to do. One that cannot be
/// finished because a key file is damaged stays, and is an alarm.
pub(crate) async fn finish_all(keys: &SubjectKeys, record: &Record) -> Result<(), Unerased> {
    let mut left = 0;
    for order in keys.unfinished().await? {
        match keys.finish(&order).await {
            Ok(destroyed) => {
                tracing::warn!(
                    keys = destroyed.keys,
                    "an erasure that was broken off is finished"
                );
                conclude(keys, record, &order, destroyed).await?;
            }
            Err(error) if error.ends_the_process() => return Err(error.into()),
            Err(error) => {
                left += 1;
                tracing::error!(%error, "an erasure that was broken off cannot be finished");
            }
        }
    }
    metrics::gauge!("hongyan_audit_erasures_unfinished").set(f64::from(left));
    Ok(())
}

fn parse(peer: &SpiffeId, request: EraseSubjectRequest) -> Result<Order, Problem> {
    let mut problem = Problem::invalid();
    if request.subject_tag.len() != event::TAG_OCTETS {
        problem = problem.field("subject_tag", "must be 32 octets");
    }
    if !event::is_reason(&request.reason) {
        problem = problem.field("reason", event::REASON);
    }
    let event = AuditEvent {
        subject_tag: request.subject_tag,
        ..own::event(
            KEY_DESTROYED,
            "DESTROYED",
            peer.as_str(),
            [("reason", request.reason)],
        )
    };
    match Order::new(event) {
        Some(order) if !problem.has_fields() => Ok(order),
        _ => Err(problem),
    }
}
