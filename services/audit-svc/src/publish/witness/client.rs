//! Asks one witness.

use hongyan_tlog::{Hash, note::Signature, proof};
use reqwest::{Client, Response};
use tokio::{runtime::Handle, task};

use super::{
    NotCosigned, Witness,
    protocol::{Answer, MAX_ANSWER_OCTETS, cosignature, request},
};
use crate::{
    publish::{Subtrees, log::Signed, store::TileStore},
    record::LogId,
};

/// A checkpoint for one witness.
pub(super) struct Asking<'a> {
    pub(super) client: &'a Client,
    pub(super) witness: &'a Witness,
    pub(super) store: &'a TileStore,
    pub(super) log: LogId,
    pub(super) signed: &'a Signed,
}

impl Asking<'_> {
    /// Asks from the size that the witness is believed to have, and once more from the one that it then tells. `old` is
    /// what it has in the end.
    pub(super) async fn ask(&self, old: &mut u64) -> Result<Signature, NotCosigned> {
        let size = self.signed.checkpoint.size();
        if *old > size {
            *old = 0;
        }
        let mut told = self.ask_from(*old).await?;
        if let Answer::Has(has) = told {
            if has > size {
                return Err(NotCosigned::Ahead { has, size });
            }
            if has == *old && has == size {
                return Err(NotCosigned::OtherRoot(size));
            }
            *old = has;
            told = self.ask_from(has).await?;
        }
        match told {
            Answer::Cosigned(lines) => {
                let text = self.signed.checkpoint.to_string();
                let signature = cosignature(&text, &lines, &self.witness.verifier)?;
                *old = size;
                Ok(signature)
            }
            Answer::Has(has) if has == size => Err(NotCosigned::OtherRoot(size)),
            // It changed its mind between two requests: somebody else sends it checkpoints too.
            Answer::Has(has) => {
                *old = has;
                Err(NotCosigned::Refused(409))
            }
            Answer::Refused(status) => Err(NotCosigned::Refused(status)),
        }
    }

    async fn ask_from(&self, old: u64) -> Result<Answer, NotCosigned> {
        let body = request(old, &self.proof(old).await?, &self.signed.note);
        let url = format!(
            "{}/add-checkpoint",
            self.witness.url.as_str().trim_end_matches('/')
        );
        let response = self.client.post(url).body(body).send().await.map_err(away)?;
        let status = response.status().as_u16();
        Ok(Answer::of(status, read(response).await?))
    }

    async fn proof(&self, old: u64) -> Result<Vec<Hash>, NotCosigned> {
        let size = self.signed.checkpoint.size();
        if old == 0 || old == size {
            return Ok(Vec::new());
        }
        let (store, log, runtime) = (self.store.clone(), self.log, Handle::current());
        let made = task::spawn_blocking(move || {
            proof::consistency(&mut Subtrees::new(&store, &runtime, log, size), old, size)
        });
        let made = made
            .await
            .map_err(|error| NotCosigned::Proof(error.to_string()))?;
        made.map_err(|error| NotCosigned::Proof(error.to_string()))
    }
}

async fn read(mut response: Response) -> Result<Vec<u8>, NotCosigned> {
    let mut body = Vec::new();
    while let Some(some) = response.chunk().await.map_err(away)? {
        body.extend_from_slice(&some);
        if body.len() > MAX_ANSWER_OCTETS {
            return Err(NotCosigned::TooLong);
        }
    }
    Ok(body)
}

fn away(error: reqwest::Error) -> NotCosigned {
    if error.is_timeout() {
        NotCosigned::Late
    } else {
        // The settings have the URL, and say more of it than a log should.
        NotCosigned::Away(error.without_url())
    }
}
