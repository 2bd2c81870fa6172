//! Upstreams that speak HTTP and JSON.
//!
//! A question is `POST <url>` with the header `X-Api-Key` and the body
//! `{"request_id": "<our id>", "phone": "13800138000", "name": "…", "id_number": "…"}`, elements that are not compared left
//! out. An answer is status 200 with `{"code": "0", "charged": true, "carrier": "china_mobile"}`, of which only the code
//! must be there; what else is in it is not looked at.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use hongyan_config::SecretFile;
use hongyan_domain::Carrier;
use hongyan_telemetry::{context, names};
use reqwest::{
    Certificate, Client, Response, StatusCode,
    header::{HeaderMap, HeaderValue},
    redirect,
};
use serde::{Deserialize, Serialize};
use tracing::{Instrument as _, Span, field::Empty};
use uuid::Uuid;

use super::{Adapter, Asking, Attempt, NO_API_KEY, Reply, UpstreamSettings, codes};
use crate::question::Question;

/// A larger answer makes no sense: 64 KiB.
const MAX_ANSWER_OCTETS: usize = 64 * 1024;
const API_KEY: &str = "x-api-key";
/// A changed key is in use after this long.
const API_KEY_AGE: Duration = Duration::from_secs(1);

/// One upstream's address and manners.
#[derive(Debug)]
pub struct HttpAdapter {
    settings: UpstreamSettings,
    client: Client,
    /// As last read, and when.
    api_key: Mutex<Option<(Instant, HeaderValue)>>,
}

/// Why an adapter cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum AdapterError {
    /// Its `ca_file`.
    #[error("upstream {name}: ca_file: {reason}")]
    CaFile {
        /// The upstream.
        name: String,
        /// What is wrong with the file.
        reason: String,
    },
    /// The HTTP client.
    #[error("upstream {name}: {reason}")]
    Client {
        /// The upstream.
        name: String,
        /// What it says.
        reason: String,
    },
}

#[derive(Serialize)]
struct Body<'a> {
    request_id: String,
    phone: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_number: Option<&'a str>,
}

#[derive(Deserialize)]
struct Answer {
    code: Code,
    #[serde(default)]
    charged: Option<bool>,
    #[serde(default)]
    carrier: Option<String>,
}

/// Some write codes as numbers.
#[derive(Deserialize)]
#[serde(untagged)]
enum Code {
    Text(String),
    Number(i64),
}

impl HttpAdapter {
    /// Reads the certificates and makes the client. Nothing is asked yet.
    pub fn new(settings: UpstreamSettings) -> Result<Self, AdapterError> {
        let mut builder = Client::builder()
            .no_proxy()
            // A redirect would take the person's data to somebody whom the settings do not name.
            .redirect(redirect::Policy::none())
            // A question that was repeated behind our back would be charged twice.
            .retry(reqwest::retry::never())
            .referer(false)
            .tcp_nodelay(true)
            .connect_timeout(settings.connect_timeout)
            .timeout(settings.attempt_timeout)
            .pool_max_idle_per_host(settings.max_in_flight);
        if let Some(file) = &settings.ca_file {
            let refuse = |reason: String| AdapterError::CaFile {
                name: settings.name.clone(),
                reason,
            };
            let pem = std::fs::read(file).map_err(|error| refuse(error.to_string()))?;
            let roots = Certificate::from_pem_bundle(&pem).map_err(|error| refuse(error.to_string()))?;
            builder = builder.tls_certs_only(roots);
        }
        let client = builder.build().map_err(|error| AdapterError::Client {
            name: settings.name.clone(),
            reason: error.to_string(),
        })?;
        Ok(Self {
            settings,
            client,
            api_key: Mutex::new(None),
        })
    }

    /// The key as its file said within the last second; `None` where the file cannot be used.
    fn api_key(&self, file: &SecretFile) -> Option<HeaderValue> {
        let mut kept = self.api_key.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, key)) = &*kept
            && at.elapsed() < API_KEY_AGE
        {
            return Some(key.clone());
        }
        let mut key: HeaderValue = file.read().ok()?.parse().ok()?;
        key.set_sensitive(true);
        *kept = Some((Instant::now(), key.clone()));
        Some(key)
    }

    fn span(&self) -> Span {
        tracing::info_span!(
            "ask upstream",
            otel.name = format!("POST {}", self.settings.name),
            otel.kind = names::kind::CLIENT,
            otel.status_code = Empty,
            http.request.method = "POST",
            http.response.status_code = Empty,
            { names::UPSTREAM } = self.settings.name,
            { names::SERVER_ADDRESS } = self.settings.url.host_str().unwrap_or_default(),
            { names::SERVER_PORT } = self.settings.url.port_or_known_default(),
            { names::RAW_CODE } = Empty,
            { names::ERROR_TYPE } = Empty,
        )
    }

    async fn post(&self, question: &Question, verification_id: Uuid) -> Attempt {
        let mut headers = HeaderMap::new();
        if let Some(file) = &self.settings.api_key_file {
            let Some(key) = self.api_key(file) else {
                tracing::error!(
                    upstream = self.settings.name,
                    "the upstream's API key file cannot be used"
                );
                return Attempt::NotSent(NO_API_KEY);
            };
            headers.insert(API_KEY, key);
        }
        context::inject(&mut headers);
        let body = Body {
            request_id: verification_id.to_string(),
            phone: question.phone.national(),
            name: question.claims.name().map(crate::person::PersonName::as_str),
            id_number: question.claims.id_number().map(crate::person::IdNumber::as_str),
        };
        let sent = self
            .client
            .post(self.settings.url.clone())
            .headers(headers)
            .json(&body)
            .send()
            .await;
        match sent {
            Ok(response) => self.read(response).await,
            Err(error) if error.is_connect() => Attempt::NotSent("CONNECT_FAILED"),
            Err(error) if error.is_builder() => Attempt::NotSent("NOT_BUILT"),
            Err(error) => no_answer(&error),
        }
    }

    async fn read(&self, mut response: Response) -> Attempt {
        let status = response.status();
        Span::current().record("http.response.status_code", status.as_u16());
        if status != StatusCode::OK {
            return refused(status);
        }
        let mut octets = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if octets.len() + chunk.len() <= MAX_ANSWER_OCTETS => {
                    octets.extend_from_slice(&chunk);
                }
                Ok(Some(_)) => return malformed(),
                Ok(None) => break,
                Err(error) => return no_answer(&error),
            }
        }
        answer(&octets)
    }
}

impl Adapter for HttpAdapter {
    fn ask<'a>(&'a self, question: &'a Question, verification_id: Uuid) -> Asking<'a> {
        let span = self.span();
        let inner = span.clone();
        Box::pin(
            async move {
                let attempt = self.post(question, verification_id).await;
                match &attempt {
                    Attempt::Answered(reply) => {
                        inner.record(names::RAW_CODE, reply.code.as_str());
                    }
                    Attempt::NotSent(reason) | Attempt::NoAnswer { reason, .. } => {
                        inner.record("otel.status_code", "ERROR");
                        inner.record(names::ERROR_TYPE, reason);
                    }
                }
                attempt
            }
            .instrument(span),
        )
    }
}

fn no_answer(error: &reqwest::Error) -> Attempt {
    let reason = if error.is_timeout() {
        "UPSTREAM_TIMEOUT"
    } else {
        "UPSTREAM_CONNECTION_LOST"
    };
    Attempt::NoAnswer {
        reason,
        raw_code: String::new(),
        charged: None,
    }
}

fn malformed() -> Attempt {
    Attempt::NoAnswer {
        reason: "UPSTREAM_ANSWER_MALFORMED",
        raw_code: String::new(),
        charged: None,
    }
}

/// Statuses that a server gives before it works on a request are surely free; any other failure may be charged.
fn refused(status: StatusCode) -> Attempt {
    let free = matches!(
        status,
        StatusCode::UNAUTHORIZED
            | StatusCode::FORBIDDEN
            | StatusCode::NOT_FOUND
            | StatusCode::METHOD_NOT_ALLOWED
            | StatusCode::TOO_MANY_REQUESTS
    );
    Attempt::NoAnswer {
        reason: if free {
            "UPSTREAM_REFUSED"
        } else {
            "UPSTREAM_FAILED"
        },
        raw_code: format!("HTTP{}", status.as_u16()),
        charged: free.then_some(false),
    }
}

fn answer(octets: &[u8]) -> Attempt {
    let Ok(answer) = serde_json::from_slice::<Answer>(octets) else {
        return malformed();
    };
    let code = match answer.code {
        Code::Text(text) => text,
        Code::Number(number) => number.to_string(),
    };
    if !codes::is_code(&code) {
        return malformed();
    }
    Attempt::Answered(Reply {
        code,
        charged: answer.charged,
        carrier: answer.carrier.and_then(|name| name.parse::<Carrier>().ok()),
    })
}

#[cfg(test)]
mod tests {
    use hongyan_domain::Carrier;
    use reqwest::StatusCode;

    use super::{Attempt, Reply, answer, refused};

    #[test]
    fn an_answer_needs_a_code_and_nothing_else() {
        let reply = |code: &str, charged, carrier| {
            Attempt::Answered(Reply {
                code: code.into(),
                charged,
                carrier,
            })
        };
        for (octets, attempt) in [
            (r#"{"code":"0"}"#, reply("0", None, None)),
            (
                r#"{"code":-7,"charged":false,"more":[1]}"#,
                reply("-7", Some(false), None),
            ),
            (
                r#"{"code":"0","charged":true,"carrier":"china_unicom"}"#,
                reply("0", Some(true), Some(Carrier::ChinaUnicom)),
            ),
            (r#"{"code":"0","carrier":"unheard of"}"#, reply("0", None, None)),
        ] {
            assert_eq!(answer(octets.as_bytes()), attempt, "{octets}");
        }
    }

    #[test]
    fn nonsense_is_no_answer_and_may_be_charged() {
        for octets in [
            "",
            "null",
            "[]",
            "{}",
            r#"{"code":null}"#,
            r#"{"code":""}"#,
            r#"{"code":"张三"}"#,
            r#"{"code":"0123456789012345678901234567890123"}"#,
            r#"{"code":"0","charged":"yes"}"#,
            r#"{"code":"0""#,
        ] {
            let attempt = answer(octets.as_bytes());
            assert!(
                matches!(
                    attempt,
                    Attempt::NoAnswer {
                        reason: "UPSTREAM_ANSWER_MALFORMED",
                        charged: None,
                        ..
                    }
                ),
                "{octets}: {attempt:?}"
            );
        }
    }

    #[test]
    fn only_what_was_refused_at_the_door_is_surely_free() {
        for (status, free) in [
            (401, true),
            (403, true),
            (429, true),
            (400, false),
            (500, false),
            (502, false),
            (302, false),
        ] {
            let attempt = refused(StatusCode::from_u16(status).unwrap());
            let Attempt::NoAnswer {
                charged, raw_code, ..
            } = attempt
            else {
                panic!("{status}");
            };
            assert_eq!(charged, free.then_some(false), "{status}");
            assert_eq!(raw_code, format!("HTTP{status}"));
        }
    }
}
