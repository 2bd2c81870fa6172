//! "Something has changed, look again", for many listeners.

use tokio::sync::watch;

/// Rings all who listen. A ring that comes while nobody waits is heard by the next wait.
#[derive(Debug)]
pub struct Signal(watch::Sender<u64>);

/// One listener.
#[derive(Debug)]
pub struct Listener(watch::Receiver<u64>);

impl Default for Signal {
    fn default() -> Self {
        Self(watch::Sender::new(0))
    }
}

impl Signal {
    /// Wakes everybody.
    pub fn ring(&self) {
        self.0.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// A new listener, which hears what rings from now on.
    pub fn listen(&self) -> Listener {
        Listener(self.0.subscribe())
    }
}

impl Listener {
    /// Returns at the next ring, or at once where one came since the last.
    pub async fn heard(&mut self) {
        if self.0.changed().await.is_err() {
            // The signal is gone: nothing will ring again.
            std::future::pending::<()>().await;
        }
    }
}
