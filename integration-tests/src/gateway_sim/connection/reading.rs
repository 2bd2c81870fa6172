//! What is read, and how fast.

use bytes::{BufMut as _, BytesMut};
use hongyan_carrier_wire::frame::next_frame;
use hongyan_carrier_wire::session::{Dialect as _, Event};

use super::super::hub::lock;
use super::super::protocol::Protocol;
use super::Connection;

/// How often a slow reader reads, in milliseconds.
const SLOW_TURN_MS: u64 = 50;

/// A reader that may be slow.
#[derive(Debug, Default)]
pub(super) struct Reading {
    turn_ends_ms: u64,
    left: usize,
}

impl Reading {
    /// How many octets may be read now.
    pub(super) fn room(&mut self, octets_per_second: Option<u32>, now_ms: u64, most: usize) -> usize {
        let Some(rate) = octets_per_second else {
            return most;
        };
        if now_ms >= self.turn_ends_ms {
            self.turn_ends_ms = now_ms.saturating_add(SLOW_TURN_MS);
            let in_turn = u64::from(rate) * SLOW_TURN_MS / 1_000;
            self.left = usize::try_from(in_turn.max(1)).unwrap_or(most);
        }
        self.left.min(most)
    }

    /// When there is room again, where there is none.
    pub(super) fn wake_at_ms(&self, room: usize) -> Option<u64> {
        (room == 0).then_some(self.turn_ends_ms)
    }

    pub(super) const fn took(&mut self, octets: usize) {
        self.left = self.left.saturating_sub(octets);
    }
}

impl<P: Protocol> Connection<P> {
    pub(super) fn read_limit(&self) -> Option<u32> {
        self.effects
            .read_octets_per_second
            .or_else(|| lock(&self.hub.faults).current().read_octets_per_second)
    }

    pub(super) fn receive(&mut self, received: &mut BytesMut) {
        let ignore_keep_alives = lock(&self.hub.faults).current().ignore_keep_alives;
        if ignore_keep_alives {
            self.receive_without_keep_alives(received);
        } else {
            self.input.unsplit(received.split());
        }
        self.read_on();
    }

    /// Gives the session what there is.
    pub(super) fn read_on(&mut self) {
        let mut input = std::mem::take(&mut self.input);
        self.on(Event::Received(&mut input));
        self.input = input;
    }

    /// Passes whole PDUs on, except keep-alives.
    fn receive_without_keep_alives(&mut self, received: &mut BytesMut) {
        // What was passed on before and is not whole comes first.
        let mut all = std::mem::take(&mut self.input);
        all.unsplit(received.split());
        let limits = self.session.dialect().frame_limits();
        while let Ok(Some(frame)) = next_frame(&mut all, limits) {
            let command = frame
                .get(4..)
                .and_then(|rest| rest.first_chunk::<4>())
                .map(|octets| u32::from_be_bytes(*octets));
            if !command.is_some_and(|command| self.protocol.keep_alives().contains(&command)) {
                self.input.put_slice(&frame);
            }
        }
        // The rest waits in the session's buffer, behind what is whole.
        self.input.put_slice(&all);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_reader_keeps_to_its_rate() {
        let mut reading = Reading::default();
        assert_eq!(reading.room(None, 0, 100), 100);
        let (mut read, mut now_ms) = (0, 0);
        while now_ms < 1_000 {
            let room = reading.room(Some(2_000), now_ms, 60);
            reading.took(room);
            read += room;
            now_ms = reading.wake_at_ms(room).unwrap_or(now_ms);
        }
        assert_eq!(read, 2_000);
    }
}
