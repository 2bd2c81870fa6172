//! An identity upstream: knows people, answers questions about them over HTTP and JSON, charges, and misbehaves on demand.
//!
//! A question is `POST /v1/verify` with the header `X-Api-Key` (where a key is set) and the body
//! `{"request_id": "…", "phone": "13800138000", "name": "…", "id_number": "…"}`; at least one of name and id number. The
//! answer is `{"code": "0", "charged": true, "carrier": "china_mobile"}`:
//!
//! | Code | Says | Charged |
//! |---|---|---|
//! | 0 | everything given belongs together | yes |
//! | 2 | the name differs | yes |
//! | 3 | the id number differs | yes |
//! | 4 | both differ | yes |
//! | 5 | nobody has this number | no |
//! | 91 | the question is not one | no |
//!
//! [`CODES`] is that table as the settings of `verify-svc` want it.

mod control;
mod faults;
mod judge;
mod people;
mod questions;
mod state;

use std::{net::SocketAddr, sync::Arc};

use anyhow::{Context as _, Result};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

pub use faults::Faults;
pub use people::{Person, parse_people};
pub use state::Stats;

use state::State;

/// The result codes as lines of `upstream.<name>.codes`. 90 is what the fault `code` gives most often.
pub const CODES: [&str; 7] = [
    "0=MATCH charged",
    "2=MISMATCH:name charged",
    "3=MISMATCH:id_number charged",
    "4=MISMATCH:name+id_number charged",
    "5=NOT_FOUND free",
    "90=INDETERMINATE:BUSY free",
    "91=INDETERMINATE:REJECTED free",
];

/// What to start.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where questions are answered; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where the control answers; port 0 takes a free one.
    pub control: SocketAddr,
    /// Who is known.
    pub people: Vec<Person>,
    /// Questions without it are refused with 401; `None` takes every question.
    pub api_key: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
        Self {
            listen: anywhere,
            control: anywhere,
            people: Vec::new(),
            api_key: None,
        }
    }
}

/// A running upstream. Ends when it is stopped; dropped, it goes on until the runtime ends.
#[derive(Debug)]
pub struct IdentitySim {
    questions: SocketAddr,
    control: SocketAddr,
    state: Arc<State>,
    shutdown: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl IdentitySim {
    /// Listens and serves.
    pub async fn start(config: Config) -> Result<Self> {
        let bind = async |address: SocketAddr| {
            TcpListener::bind(address)
                .await
                .with_context(|| format!("cannot listen on {address}"))
        };
        let (questions, control) = (bind(config.listen).await?, bind(config.control).await?);
        let state = Arc::new(State::new(config.people, config.api_key)?);
        let shutdown = CancellationToken::new();
        Ok(Self {
            questions: questions.local_addr()?,
            control: control.local_addr()?,
            tasks: vec![
                tokio::spawn(questions::serve(questions, Arc::clone(&state), shutdown.clone())),
                tokio::spawn(control::serve(control, Arc::clone(&state), shutdown.clone())),
            ],
            state,
            shutdown,
        })
    }

    /// Where questions are answered.
    pub fn addr(&self) -> SocketAddr {
        self.questions
    }

    /// Where the control answers.
    pub fn control_addr(&self) -> SocketAddr {
        self.control
    }

    /// For the settings of `verify-svc`.
    pub fn url(&self) -> String {
        format!("http://{}/v1/verify", self.questions)
    }

    /// What was asked and answered so far.
    pub fn stats(&self) -> Stats {
        self.state.stats()
    }

    /// How often a number was asked about.
    pub fn asked_about(&self, phone: &str) -> u64 {
        self.state.asked_about(phone)
    }

    /// Misbehaves from now on, in place of any earlier faults.
    pub fn set_faults(&self, faults: Faults) {
        self.state.set_faults(faults);
    }

    /// Forgets counts and faults.
    pub fn reset(&self) {
        self.state.reset();
    }

    /// Stops listening; questions that hang are cut off.
    pub async fn stop(self) {
        self.shutdown.cancel();
        for task in self.tasks {
            // A task that panicked has told so on standard error.
            let _ = task.await;
        }
    }
}

#[cfg(test)]
mod tests;
