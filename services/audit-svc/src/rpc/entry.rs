//! `GetEntry` and `RevealEntry`: one event as it stands in its log, and what is sealed in it.

use hongyan_chassis::Problem;
use hongyan_identity::SpiffeId;
use hongyan_proto::audit::v1::{
    AuditEvent, GetEntryRequest, GetEntryResponse, Leaf, LogPlace, RevealEntryRequest, RevealEntryResponse,
    SealedState, get_entry_request, reveal_entry_request,
};
use prost::Message as _;

use super::{AuditRpc, keys_problem};
use crate::{
    event,
    keys::{KEY_USED, Sealed},
    own,
};

/// By its place in the log, or by its index in the record.
enum By {
    Index(u64),
    Place(LogPlace),
}

/// An event under a checkpoint.
struct Entry {
    leaf: Leaf,
    event: AuditEvent,
    octets: Vec<u8>,
}

impl AuditRpc {
    pub(super) async fn entry(&self, request: GetEntryRequest) -> Result<GetEntryResponse, Problem> {
        let by = request.by.map(|by| match by {
            get_entry_request::By::Index(index) => By::Index(index),
            get_entry_request::By::Place(place) => By::Place(place),
        });
        let entry = self.entry_by(by).await?;
        let sealed = self.keys.look_into(&entry.event, false).await;
        let (state, _) = told(sealed.map_err(|error| keys_problem(&error))?);
        Ok(GetEntryResponse {
            leaf: Some(entry.leaf),
            octets: entry.octets.into(),
            sealed_state: state.into(),
        })
    }

    /// Who looks at a person's data is on record before anything is opened, and whether or not it opens.
    pub(super) async fn reveal(
        &self,
        peer: &SpiffeId,
        request: RevealEntryRequest,
    ) -> Result<RevealEntryResponse, Problem> {
        if !event::is_reason(&request.purpose) {
            return Err(Problem::invalid().field("purpose", event::REASON));
        }
        let by = request.by.map(|by| match by {
            reveal_entry_request::By::Index(index) => By::Index(index),
            reveal_entry_request::By::Place(place) => By::Place(place),
        });
        let entry = self.entry_by(by).await?;
        let used = self.put_on_record(used(peer, &entry, request.purpose)).await?;
        let sealed = self.keys.look_into(&entry.event, true).await;
        let (state, personal) = told(sealed.map_err(|error| keys_problem(&error))?);
        Ok(RevealEntryResponse {
            leaf: Some(entry.leaf),
            octets: entry.octets.into(),
            sealed_state: state.into(),
            personal: personal.into(),
            used_index: used.index,
        })
    }

    async fn entry_by(&self, by: Option<By>) -> Result<Entry, Problem> {
        let (_, _, octets) = match by {
            None => return Err(Problem::invalid().field("by", "must be an index or a place")),
            Some(By::Index(index)) => self.leaf_of_record(index).await?,
            Some(By::Place(place)) => self.leaf_of_log(place).await?,
        };
        let leaf = Leaf::decode(octets.as_slice()).map_err(|error| Problem::internal(&error))?;
        let event = leaf.event.clone().unwrap_or_default();
        Ok(Entry { leaf, event, octets })
    }
}

/// The event that says that a person's key is about to be used.
fn used(peer: &SpiffeId, entry: &Entry, purpose: String) -> AuditEvent {
    let Entry { leaf, event, .. } = entry;
    let about = [
        ("entry_index", leaf.index.to_string()),
        ("entry_log", leaf.log.clone()),
        ("entry_log_index", leaf.log_index.to_string()),
        ("entry_event_id", event.event_id.clone()),
        ("entry_action", event.action.clone()),
    ];
    AuditEvent {
        // Found by the person, and by the message or verification that it is about.
        subject_tag: event.subject_tag.clone(),
        message_id: event.message_id.clone(),
        tenant: event.tenant.clone(),
        purpose,
        ..own::event(KEY_USED, "ASKED", peer.as_str(), about)
    }
}

fn told(sealed: Sealed) -> (SealedState, Vec<u8>) {
    match sealed {
        Sealed::None => (SealedState::None, Vec::new()),
        // The copy goes into the answer, which is on its way to whoever may see it.
        Sealed::Open(personal) => (
            SealedState::Sealed,
            personal.map(|personal| personal.to_vec()).unwrap_or_default(),
        ),
        Sealed::Erased => (SealedState::Erased, Vec::new()),
        Sealed::Unreadable => (SealedState::Unreadable, Vec::new()),
    }
}
