//! Sending through dispatch.

use std::time::Duration;

use hongyan_chassis::{Channel, MAX_MESSAGE_OCTETS, Problem};
use hongyan_domain::{Msisdn, TenantId};
use hongyan_proto::{
    common::v1::MessageClass,
    dispatch::v1::{
        SendMessageRequest, SetOptOutRequest, dispatch_service_client::DispatchServiceClient,
        send_message_request::Content,
    },
};
use hongyan_queue::Backoff;
use tonic::{Code, Status};

/// How often one attempt at an uplink asks dispatch, before the entry is left for later.
const ATTEMPTS: u32 = 4;
const FIRST_WAIT: Duration = Duration::from_millis(100);
const MOST_WAIT: Duration = Duration::from_secs(2);

/// The client; cheap to clone.
#[derive(Clone)]
pub struct Dispatch {
    client: DispatchServiceClient<Channel>,
}

/// One reply.
pub struct Reply<'a> {
    /// The same for every attempt.
    pub request_id: String,
    /// In whose name.
    pub tenant: &'a TenantId,
    /// To whom.
    pub sender: Msisdn,
    /// The digits behind the access number that the subscriber texted.
    pub extension: &'a str,
    /// What it says, without signature.
    pub text: String,
}

/// Why dispatch did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DispatchFailure {
    /// It may work later.
    #[error("dispatch does not answer now ({reason})")]
    Later {
        /// UPPER_SNAKE.
        reason: String,
    },
    /// It never will.
    #[error("dispatch refused ({reason})")]
    Refused {
        /// UPPER_SNAKE.
        reason: String,
    },
    /// The same request id was accepted before with another text.
    #[error("dispatch has accepted another text under this request id")]
    SentBefore,
}

impl Dispatch {
    /// Over a channel to dispatch.
    pub fn new(channel: Channel) -> Self {
        Self {
            client: DispatchServiceClient::new(channel)
                .max_decoding_message_size(MAX_MESSAGE_OCTETS)
                .max_encoding_message_size(MAX_MESSAGE_OCTETS),
        }
    }

    /// Sends a reply; gives the message's id. Tries again a few times where that may help.
    pub async fn send(&self, reply: Reply<'_>) -> Result<String, DispatchFailure> {
        let request = SendMessageRequest {
            request_id: reply.request_id,
            phone: reply.sender.e164(),
            class: MessageClass::Reply.into(),
            extension: reply.extension.to_owned(),
            tenant: reply.tenant.as_str().to_owned(),
            content: Some(Content::Text(reply.text)),
            ..SendMessageRequest::default()
        };
        let answer = retried(|| {
            let (mut client, request) = (self.client.clone(), request.clone());
            async move { client.send_message(request).await }
        });
        Ok(answer.await?.into_inner().message_id)
    }

    /// Records that a subscriber wants no more from a tenant.
    pub async fn opt_out(&self, tenant: &TenantId, sender: Msisdn) -> Result<(), DispatchFailure> {
        let request = SetOptOutRequest {
            tenant: tenant.as_str().to_owned(),
            phone: sender.e164(),
            opted_out: true,
        };
        let answer = retried(|| {
            let (mut client, request) = (self.client.clone(), request.clone());
            async move { client.set_opt_out(request).await }
        });
        answer.await.map(|_| ())
    }
}

async fn retried<T, F, Fut>(mut ask: F) -> Result<T, DispatchFailure>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, Status>>,
{
    let mut backoff = Backoff::new(FIRST_WAIT, MOST_WAIT);
    loop {
        let failure = match ask().await {
            Ok(answer) => return Ok(answer),
            Err(status) => sort(&status),
        };
        let wait = backoff.next_wait();
        if !matches!(failure, DispatchFailure::Later { .. }) || backoff.attempts() >= ATTEMPTS {
            return Err(failure);
        }
        tokio::time::sleep(wait).await;
    }
}

/// Whether waiting helps. Of what is wrong with the request itself, nothing will change; everything else (an outage, a
/// full queue, a method table that does not know us yet) may be put right.
fn sort(status: &Status) -> DispatchFailure {
    let reason = Problem::from_status(status).reason.into_owned();
    match status.code() {
        Code::AlreadyExists => DispatchFailure::SentBefore,
        Code::InvalidArgument | Code::FailedPrecondition | Code::NotFound | Code::OutOfRange => {
            DispatchFailure::Refused { reason }
        }
        _ => DispatchFailure::Later { reason },
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use hongyan_chassis::Problem;
    use tonic::Status;

    use super::{ATTEMPTS, DispatchFailure, retried, sort};

    #[test]
    fn what_is_wrong_with_the_request_is_final_and_the_rest_may_pass() {
        let refused: Status = Problem::invalid().field("text", "is empty").into();
        let reason = "INVALID_REQUEST".to_owned();
        assert_eq!(sort(&refused), DispatchFailure::Refused { reason });
        let conflict: Status = Problem::conflict("REQUEST_ID_REUSED", "other content").into();
        assert_eq!(sort(&conflict), DispatchFailure::SentBefore);
        for status in [
            Status::unavailable("x"),
            Status::deadline_exceeded("x"),
            Status::resource_exhausted("x"),
            Status::permission_denied("x"),
            Status::internal("x"),
        ] {
            assert!(
                matches!(sort(&status), DispatchFailure::Later { .. }),
                "{status:?}"
            );
        }
    }

    #[tokio::test]
    async fn an_outage_is_tried_again_a_few_times_and_a_refusal_never() {
        let asked = AtomicU32::new(0);
        let answer = retried(|| {
            asked.fetch_add(1, Ordering::Relaxed);
            async { Err::<(), _>(Status::unavailable("x")) }
        });
        assert!(matches!(answer.await, Err(DispatchFailure::Later { .. })));
        assert_eq!(asked.swap(0, Ordering::Relaxed), ATTEMPTS);
        let answer = retried(|| {
            asked.fetch_add(1, Ordering::Relaxed);
            async { Err::<(), _>(Status::invalid_argument("x")) }
        });
        assert!(matches!(answer.await, Err(DispatchFailure::Refused { .. })));
        assert_eq!(asked.swap(0, Ordering::Relaxed), 1);
        let answer = retried(|| {
            let nth = asked.fetch_add(1, Ordering::Relaxed);
            async move {
                if nth == 0 {
                    Err(Status::unavailable("x"))
                } else {
                    Ok(7)
                }
            }
        });
        assert_eq!(answer.await, Ok(7));
    }
}
