//! A round: sign what is new, write its files, have it cosigned, publish it.

use tokio::time::Instant;

use super::{Publisher, Round};
use crate::{
    log::LogReader,
    point::point,
    publish::{PublishError, log::Signed},
    record::LogId,
};

impl Publisher {
    /// One checkpoint of every log that has new leaves. While a bucket does not take what earlier rounds left, nothing more
    /// is taken in: the journal keeps it.
    pub(super) fn round(&mut self, reader: &LogReader) -> Result<Round, PublishError> {
        let started = Instant::now();
        self.store_failed = std::mem::take(&mut self.store_fails);
        self.write_left()?;
        if self.store_fails {
            self.tell();
            return Ok(Round::Whole);
        }
        let round = self.take_in(reader)?;
        point!("leaves-taken-in");
        let ids = self.logs.iter().filter(|(_, log)| log.has_unsigned());
        for id in ids.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.sign(id)?;
            self.write(id)?;
        }
        let pending = self.logs.iter();
        let pending = pending.filter_map(|(id, log)| Some((*id, log.pending()?.clone())));
        let mut pending = pending.collect::<Vec<_>>();
        if let Some(witnesses) = &self.witnesses
            && !pending.is_empty()
        {
            // The turn of a period waits for signatures of ours and not for those of others.
            self.tell();
            pending = self.runtime.block_on(witnesses.cosign(&self.store, pending));
        }
        point!("checkpoint-cosigned");
        for (id, signed) in pending {
            self.publish(id, signed)?;
        }
        self.tell();
        point!("round-told");
        metrics::histogram!("hongyan_audit_publish_seconds").record(started.elapsed());
        metrics::gauge!("hongyan_audit_published").set(self.state.borrow().through as f64);
        metrics::gauge!("hongyan_audit_store_failing").set(f64::from(u8::from(self.store_fails)));
        Ok(round)
    }

    /// Writes what earlier rounds could not.
    fn write_left(&mut self) -> Result<(), PublishError> {
        let left = self.logs.iter().filter(|(_, log)| !log.unwritten.is_empty());
        for id in left.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.write(id)?;
        }
        Ok(())
    }

    /// Signs a log and swaps its lock.
    fn sign(&mut self, id: LogId) -> Result<(), PublishError> {
        if let Some(log) = self.logs.get_mut(&id) {
            let signed = log.sign(id)?;
            point!("checkpoint-signed");
            let old = log.signed.as_ref().map(|signed| &*signed.note);
            self.locks.swap(id, old, &signed.note)?;
            point!("lock-swapped");
            log.signed = Some(signed);
            log.stage();
        }
        Ok(())
    }

    /// Writes the staged files of a log; false where that has to be tried again.
    pub(super) fn write(&mut self, id: LogId) -> Result<bool, PublishError> {
        let Some(log) = self.logs.get_mut(&id) else {
            return Ok(false);
        };
        let written = self
            .runtime
            .block_on(self.store.create(id, log.unwritten.clone()));
        if self.succeeded(written)? {
            point!("files-written");
            if let Some(log) = self.logs.get_mut(&id) {
                log.unwritten.clear();
            }
            return Ok(true);
        }
        Ok(false)
    }

    /// Puts a checkpoint beside the files that it covers, and removes what they made needless.
    pub(super) fn publish(&mut self, id: LogId, signed: Signed) -> Result<(), PublishError> {
        let put = self.runtime.block_on(self.store.put_checkpoint(id, &signed.note));
        if !self.succeeded(put)? {
            return Ok(());
        }
        point!("checkpoint-put");
        let Some(log) = self.logs.get_mut(&id) else {
            return Ok(());
        };
        log.is_published(signed);
        let needless = log.take_needless();
        // Those that stay do no harm.
        let removed = self.runtime.block_on(self.store.remove(id, needless));
        self.succeeded(removed)?;
        point!("needless-removed");
        metrics::counter!("hongyan_audit_checkpoints_total", "class" => id.class().as_str()).increment(1);
        Ok(())
    }

    /// False where the store failed in a way that may pass, which is an alarm; any other failure ends the process.
    pub(super) fn succeeded(&mut self, result: Result<(), PublishError>) -> Result<bool, PublishError> {
        match result {
            Ok(()) => Ok(true),
            Err(error) if self.store.may_recover(&error) => {
                if !self.store_fails && !self.store_failed {
                    tracing::error!(%error, "the store of the logs does not answer: publishing waits; appends go on");
                }
                self.store_fails = true;
                metrics::gauge!("hongyan_audit_store_failing").set(1.0);
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}
