//! A connection whose peer must take what is written to it.

use std::{
    future::Future as _,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep},
};

/// From a write that the kernel does not take in full, until one that it does, no more than the limit may pass; then writing
/// fails with [`io::ErrorKind::TimedOut`]. Octets that are taken one by one do not help: what counts is the whole of it.
#[derive(Debug)]
pub(super) struct MustBeTaken {
    stream: TcpStream,
    limit: Duration,
    late: Option<Pin<Box<Sleep>>>,
    /// Whether the peer has not taken what was written.
    pending: Arc<AtomicBool>,
}

impl MustBeTaken {
    pub(super) fn new(stream: TcpStream, limit: Duration) -> Self {
        Self {
            stream,
            limit,
            late: None,
            pending: Arc::default(),
        }
    }

    /// Whether something is still to be taken; can be asked when this is gone.
    pub(super) fn pending(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.pending)
    }

    /// What becomes of a write of so many octets.
    fn written(
        &mut self,
        cx: &mut Context<'_>,
        offered: usize,
        outcome: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match outcome {
            Poll::Ready(Ok(octets)) if octets >= offered => {
                self.late = None;
                self.pending.store(false, Ordering::Relaxed);
                outcome
            }
            Poll::Ready(Err(_)) => outcome,
            Poll::Ready(Ok(_)) | Poll::Pending => {
                let limit = self.limit;
                let late = self.late.get_or_insert_with(|| Box::pin(sleep(limit)));
                self.pending.store(true, Ordering::Relaxed);
                if late.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                }
                outcome
            }
        }
    }
}

impl Drop for MustBeTaken {
    /// What the peer has not taken by now, the kernel must not keep for it either: the connection is reset.
    fn drop(&mut self) {
        if self.pending.load(Ordering::Relaxed) {
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for MustBeTaken {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for MustBeTaken {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, octets);
        self.written(cx, octets.len(), outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, octets);
        let offered = octets.iter().map(|octets| octets.len()).sum();
        self.written(cx, offered, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Nothing of TCP waits here.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
