//! What is remembered of a verification, for 24 hours, in Redis.
//!
//! All keys share the hash tag `{v}`.
//!
//! * `{v}:verify:<tenant>:<request_id>`, a hash: `f` the fingerprint of the question, `s` the state, `i` the verification
//!   id, `q` the sealed question, `a` the sealed answer, `u` until when (Unix ms) the asking process may take.
//!   States: `asking` (written *before* anybody is asked, so that a crash is known) → `heard` (the answer is kept) →
//!   `answered` (and on record).
//! * `{v}:subject:<tag>`, a list: the latest verifications of one person, by the keyed tag of the number; at most 128
//!   entries `<verification id> <tenant> <request_id>`.
//! * `{v}:rate:<tenant>`: when the tenant's next question is due, in microseconds.

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
    /// Longer than asking can take: when it has passed without an answer, the asker is dead.
    pub lease_ms: u64,
    /// The tenant's questions a second.
    pub per_second: u32,
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
    /// Somebody is asking just now.
    Asking {
        /// Milliseconds until that somebody counts as dead.
        left_ms: u64,
    },
    /// Whoever asked died before the answer came: the question may have been charged.
    Lost(Uuid),
    /// The answer is known but not certainly on record.
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
            .arg(beginning.lease_ms)
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
        phone: &Msisdn,
        verification_id: Uuid,
        answer: &VerifyIdentityResponse,
    ) -> Result<Begun, StoreError> {
        let keyring = self.keyring.current();
        let sealed = keyring.seal(CONTEXT, &answer.encode_to_vec())?;
        let parts: Vec<Vec<u8>> = self
            .settle
            .prepare()
            .key(key.record())
            .key(subject_key(&keyring.tag(SUBJECT, &phone.e164())))
            .arg(verification_id.to_string())
            .arg(sealed)
            .arg(format!("{verification_id} {} {}", key.tenant, key.request_id))
            .arg(TTL_MS)
            .arg(MOST_OF_A_SUBJECT)
            .run(&mut self.redis.shared())
            .await?;
        self.redis.confirm_replicated().await?;
        self.read(&parts)
    }

    /// Notes that the answer is on record.
    pub async fn recorded(&self, key: Key<'_>, verification_id: Uuid) -> Result<(), StoreError> {
        self.recorded
            .prepare()
            .key(key.record())
            .arg(verification_id.to_string())
            .run::<i64>(&mut self.redis.shared())
            .await?;
        Ok(())
    }

    /// Forgets a verification that surely asked nobody, so that its request id can be used again.
    pub async fn release(&self, key: Key<'_>, verification_id: Uuid) -> Result<(), StoreError> {
        self.release
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
            "asking" => Ok(Begun::Asking { left_ms: number(2)? }),
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

fn subject_key(tag: &Tag) -> String {
    format!("{{v}}:subject:{}", tag.short())
}
