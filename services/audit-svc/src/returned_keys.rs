//! Compares the keys with the record at a start: what an erasure on record destroyed must not live. Where it does, an older
//! copy of the key directory was put back; that goes on record, and the keys are destroyed again. Nothing is opened before.

use hongyan_proto::audit::v1::AuditEvent;
use tokio_util::sync::CancellationToken;

use crate::{
    index::{self, Conditions, Course, Field, Index, IndexError},
    keys::{ERASURES, Erasure, KEY_DESTROYED, KEY_RETURNED, KeysError, SubjectKeys},
    own,
    record::{Period, Placed, Record, Stopped},
};

/// Erasures compared in one go: each go reads the key files once.
const AT_ONCE: usize = 65_536;
const PAGE: usize = 1_000;

/// Why the keys were not compared.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Uncompared {
    #[error(transparent)]
    Keys(#[from] KeysError),
    #[error(transparent)]
    Index(#[from] IndexError),
    #[error(transparent)]
    Stopped(#[from] Stopped),
    #[error("the search was interrupted")]
    Interrupted,
    #[error("it was not put on record: {0:?}")]
    Unrecorded(Placed),
}

/// What it takes.
pub(crate) struct Comparison {
    pub(crate) record: Record,
    pub(crate) index: Index,
    pub(crate) keys: SubjectKeys,
    /// Who puts it on record: the SPIFFE id of this process.
    pub(crate) actor: String,
}

impl Comparison {
    /// Compares once, as soon as the index has all that was on record, and lets the keys be used for opening then. Where
    /// that fails nothing is opened, and everything else goes on.
    pub(crate) async fn run(self, end: CancellationToken) {
        metrics::gauge!("hongyan_audit_keys_uncompared").set(1.0);
        let size = self.record.head().size;
        let compared = tokio::select! {
            () = end.cancelled() => return,
            compared = self.compare(size) => compared,
        };
        match compared {
            Ok(()) => metrics::gauge!("hongyan_audit_keys_uncompared").set(0.0),
            Err(error) => tracing::error!(
                %error,
                "the keys cannot be compared with the erasures on record: nothing is opened; a restart tries again"
            ),
        }
        end.cancelled().await;
    }

    async fn compare(&self, size: u64) -> Result<(), Uncompared> {
        let mut looks = 1_u64;
        // Each wait has its limit; the whole of it ends with the process.
        while !self.index.reaches(size).await {
            if looks == 1 {
                tracing::warn!("nothing is opened before the index has the erasures that are on record");
            }
            looks += 1;
        }
        let (mut from, mut erasures, mut count) = (Some(0), Vec::new(), 0_u64);
        while let Some(at) = from {
            from = self.page(size, at, &mut erasures).await?;
            if erasures.len() >= AT_ONCE || from.is_none() {
                count += erasures.len() as u64;
                let forgotten = self.keys.forgotten(std::mem::take(&mut erasures)).await?;
                for (period, erasure) in forgotten.returned {
                    self.destroy_again(period, &erasure).await?;
                }
                for (period, erased) in forgotten.gone {
                    self.keys.remember(period, erased).await?;
                }
            }
        }
        tracing::info!(
            erasures = count,
            "the keys are compared with the erasures on record"
        );
        self.keys.are_compared();
        Ok(())
    }

    /// Adds some erasures; answers where to go on.
    async fn page(
        &self,
        size: u64,
        from: u64,
        erasures: &mut Vec<Erasure>,
    ) -> Result<Option<u64>, Uncompared> {
        let conditions = Conditions {
            fields: vec![(Field::Action, KEY_DESTROYED.as_bytes().to_vec())],
            ..Conditions::default()
        };
        let course = Course {
            newest_first: false,
            size,
            resume: Some(from),
            most: PAGE,
        };
        let (index, wanted) = (self.index.clone(), conditions.clone());
        let searched = tokio::task::spawn_blocking(move || index::search(&index, &wanted, course));
        let page = searched.await.map_err(|_| Uncompared::Interrupted)??;
        for (at, place) in page.leaves {
            let Some(found) = self.index.leaf_of(at, place).await? else {
                continue;
            };
            // An event of another way into the record, should one ever be, destroys nothing.
            if conditions.are_met_by(&found)? && found.leaf.producer == ERASURES {
                erasures.extend(found.leaf.event.as_ref().and_then(Erasure::of));
            }
        }
        Ok(page.resume)
    }

    /// On record first, like every use of a key.
    async fn destroy_again(&self, period: Period, erasure: &Erasure) -> Result<(), Uncompared> {
        let about = [
            ("erasure", erasure.id.to_string()),
            ("period", period.to_string()),
        ];
        let event = AuditEvent {
            subject_tag: erasure.tag.to_vec().into(),
            ..own::event(KEY_RETURNED, "FOUND", &self.actor, about)
        };
        match self.record.append_own(event).await? {
            Placed::Recorded(_) => {}
            other => return Err(Uncompared::Unrecorded(other)),
        }
        let keys = self.keys.destroy_again(period, erasure).await?;
        metrics::counter!("hongyan_audit_keys_returned_total").increment(u64::from(keys));
        tracing::error!(
            %period,
            keys,
            "keys that an erasure had destroyed were there again and are destroyed again: an older copy of the key \
             directory was put back"
        );
        Ok(())
    }
}
