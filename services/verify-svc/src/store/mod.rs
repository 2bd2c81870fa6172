//! What is remembered of a verification, for 24 hours, in Redis.
//!
//! All keys share the hash tag `{v}`.
//!
//! * `{v}:verify:<tenant>:<request_id>`, a hash: `f` the fingerprint of the question, `s` the state, `i` the verification
//!   id, `q` the sealed question, `a` the sealed answer, `u` until when (Unix ms) the process at work has the lease.
//!   States: `asking` (written *before* anybody is asked, so that a crash is known) → `heard` (the answer is kept) →
//!   `answered` (and on record; no lease any more). Whoever finds a lease that is over takes the work over.
//! * `{v}:subject:<tag>`, a list: the latest verifications of one person, by the keyed tag of the number; at most 128
//!   entries `<verification id> <tenant> <request_id>`.
//! * `{v}:rate:<tenant>`: when the tenant's next question is due, in microseconds.

use std::time::Duration;

use hongyan_chassis::LiveKeyring;
use hongyan_domain::{Msisdn, RequestId, TenantId};
use hongyan_envelope::{OpenError, SUBJECT, SealError, Tag};
use hongyan_proto::verify::v1::{VerifyIdentityRequest, VerifyIdentityResponse};
use hongyan_queue::{QueueError, Redis, Script};
use prost::Message as _;
use uuid::Uuid;

/// Binds what is sealed to this use.
const CONTEXT: &[u8] = b"verify-record";
const TTL_MS: u64 = 24 * 3600 * 1000;
const MOST_OF_A_SUBJECT: usize = 128;

/// The records.
pub struct Store {
    redis: Redis,
    keyring: LiveKeyring,
    begin: Script,
    settle: Script,
    recorded: Script,
    release: Script,
    give_up: Script,
}

/// Why a record could not be read or written. No case shows what is in it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Redis.
    #[error(transparent)]
    Redis(#[from] QueueError),
    /// The keys or the system's randomness.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// Sealed under a key that is gone, or tampered with.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// What was opened is not what was sealed.
    #[error("a stored answer cannot be decoded")]
    Decode(#[from] prost::DecodeError),
    /// A script's answer has another shape.
    #[error("the record of a verification has an unknown state")]
    Shape,
    /// The record was lost under our hands.
    #[error("the record of a verification is gone")]
    Gone,
}

impl StoreError {
    /// Waiting may help.
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Redis(error) if error.is_unavailable())
    }
}

/// Whose verification it is.
#[derive(Debug, Clone, Copy)]
pub struct Key<'a> {
    /// The caller's tenant.
    pub tenant: &'a TenantId,
    /// Its idempotency key.
    pub request_id: &'a RequestId,
}

impl Key<'_> {
    fn record(self) -> String {
        format!("{{v}}:verify:{}:{}", self.tenant, self.request_id)
    }
}

/// A verification that is about to begin.
#[derive(Debug, Clone)]
pub struct Beginning {
    /// Of the question.
    pub fingerprint: Tag,
    /// The id that it would have.
    pub verification_id: Uuid,
    /// From [`Store::seal_question`].
    pub sealed_question: Vec<u8>,
    /// Longer than asking, or putting on record, can take: when it has passed, whoever was at work is dead.
    pub lease: Duration,
    /// The tenant's questions a second.
    pub per_second: u32,
}

/// An answer to keep.
#[derive(Debug, Clone, Copy)]
pub struct Settlement<'a> {
    /// Of the verification.
    pub verification_id: Uuid,
    /// Whom it is about.
    pub phone: &'a Msisdn,
    /// What was heard.
    pub answer: &'a VerifyIdentityResponse,
    /// To put it on record.
    pub lease: Duration,
}

/// What stands under a request id now.
#[derive(Debug, Clone, PartialEq)]
pub enum Begun {
    /// It is ours to ask.
    New,
    /// The tenant asks too fast; after so long there is room.
    Limited {
        /// Milliseconds.
        wait_ms: u64,
    },
    /// The id stands for another question.
    Reused,
    /// Somebody is at work on it just now.
    AtWork {
        /// Milliseconds until that somebody counts as dead.
        left_ms: u64,
    },
    /// Whoever asked died before the answer came: the question may have been charged. It is ours to say so.
    Lost(Uuid),
    /// The answer is known but not certainly on record. It is ours to put it there.
    Heard(Uuid, Box<VerifyIdentityResponse>),
    /// The answer is known and on record.
    Answered(Box<VerifyIdentityResponse>),
}

impl Store {
    /// Over a Redis and the keys.
    pub fn new(redis: Redis, keyring: LiveKeyring) -> Self {
        Self {
            redis,
            keyring,
            begin: Script::new("verify-begin", &[include_str!("begin.lua")]),
            settle: Script::new("verify-settle", &[include_str!("settle.lua")]),
            recorded: Script::new("verify-recorded", &[include_str!("recorded.lua")]),
            release: Script::new("verify-release", &[include_str!("release.lua")]),
            give_up: Script::new("verify-give-up", &[include_str!("give_up.lua")]),
        }
    }

    /// Seals a question in its canonical form.
    pub fn seal_question(&self, canonical: &VerifyIdentityRequest) -> Result<Vec<u8>, StoreError> {
        Ok(self.keyring.current().seal(CONTEXT, &canonical.encode_to_vec())?)
    }

    /// Begins, or tells what became of an earlier beginning. Counts against the tenant's rate only when it begins.
    pub async fn begin(&self, key: Key<'_>, beginning: &Beginning, now_ms: u64) -> Result<Begun, StoreError> {
        let parts: Vec<Vec<u8>> = self
            .begin
            .prepare()
            .key(key.record())
            .key(format!("{{v}}:rate:{}", key.tenant))
            .arg(now_ms)
            .arg(beginning.fingerprint.to_string())
            .arg(beginning.verification_id.to_string())
            .arg(beginning.sealed_question.as_slice())
            .arg(millis(beginning.lease))
            .arg(TTL_MS)
            .arg(beginning.per_second)
            .run(&mut self.redis.shared())
            .await?;
        let replicated = matches!(parts.first().map(Vec::as_slice), Some(b"new"));
        if replicated {
            self.redis.confirm_replicated().await?;
        }
        self.read(&parts)
    }

    /// Keeps an answer and gives back the one that stands: the first.
    pub async fn settle(
        &self,
        key: Key<'_>,
        settlement: &Settlement<'_>,
        now_ms: u64,
    ) -> Result<Begun, StoreError> {
        let keyring = self.keyring.current();
        let id = settlement.verification_id;
        let sealed = keyring.seal(CONTEXT, &settlement.answer.encode_to_vec())?;
        let parts: Vec<Vec<u8>> = self
            .settle
            .prepare()
            .key(key.record())
            .key(subject_key(&keyring.tag(SUBJECT, &settlement.phone.e164())))
            .arg(id.to_string())
            .arg(sealed)
            .arg(format!("{id} {} {}", key.tenant, key.request_id))
            .arg(TTL_MS)
            .arg(MOST_OF_A_SUBJECT)
            .arg(now_ms)
            .arg(millis(settlement.lease))
            .run(&mut self.redis.shared())
            .await?;
        self.redis.confirm_replicated().await?;
        self.read(&parts)
    }

    /// Notes that the answer is on record.
    pub async fn recorded(&self, key: Key<'_>, verification_id: Uuid) -> Result<(), StoreError> {
        self.mark(&self.recorded, key, verification_id).await
    }

    /// Forgets a verification that surely asked nobody, so that its request id can be used again.
    pub async fn release(&self, key: Key<'_>, verification_id: Uuid) -> Result<(), StoreError> {
        self.mark(&self.release, key, verification_id).await
    }

    /// Gives the lease up, so that the next one under the id takes the work over at once.
    pub async fn give_up(&self, key: Key<'_>, verification_id: Uuid) -> Result<(), StoreError> {
        self.mark(&self.give_up, key, verification_id).await
    }

    /// Runs a script that changes the state of one verification and tells nothing.
    async fn mark(&self, script: &Script, key: Key<'_>, verification_id: Uuid) -> Result<(), StoreError> {
        script
            .prepare()
            .key(key.record())
            .arg(verification_id.to_string())
            .run::<i64>(&mut self.redis.shared())
            .await?;
        Ok(())
    }

    /// The latest verifications of a person, newest first, as `<verification id> <tenant> <request_id>`.
    pub async fn of_subject(&self, phone: &Msisdn) -> Result<Vec<String>, StoreError> {
        let key = subject_key(&self.keyring.current().tag(SUBJECT, &phone.e164()));
        redis::cmd("LRANGE")
            .arg(key)
            .arg(0)
            .arg(-1)
            .query_async(&mut self.redis.shared())
            .await
            .map_err(|error| QueueError::from_redis("LRANGE", &error).into())
    }

    fn read(&self, parts: &[Vec<u8>]) -> Result<Begun, StoreError> {
        let text = |at: usize| {
            let octets = parts.get(at).ok_or(StoreError::Shape)?;
            std::str::from_utf8(octets).map_err(|_| StoreError::Shape)
        };
        let number = |at: usize| text(at)?.parse::<u64>().map_err(|_| StoreError::Shape);
        let id = || Uuid::parse_str(text(1)?).map_err(|_| StoreError::Shape);
        match text(0)? {
            "new" => Ok(Begun::New),
            "limited" => Ok(Begun::Limited { wait_ms: number(1)? }),
            "reused" => Ok(Begun::Reused),
            "at-work" => Ok(Begun::AtWork { left_ms: number(1)? }),
            "lost" => Ok(Begun::Lost(id()?)),
            "heard" => Ok(Begun::Heard(id()?, self.open(parts)?)),
            "answered" => Ok(Begun::Answered(self.open(parts)?)),
            "gone" => Err(StoreError::Gone),
            _ => Err(StoreError::Shape),
        }
    }

    fn open(&self, parts: &[Vec<u8>]) -> Result<Box<VerifyIdentityResponse>, StoreError> {
        let sealed = parts.get(2).ok_or(StoreError::Shape)?;
        let opened = self.keyring.current().open(CONTEXT, sealed)?;
        Ok(Box::new(VerifyIdentityResponse::decode(opened.as_slice())?))
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn subject_key(tag: &Tag) -> String {
    format!("{{v}}:subject:{}", tag.short())
}
