//! The figures and their marks.

use comfy_table::{Table, presets::ASCII_MARKDOWN};
use serde::Serialize;

/// Marks of the codecs, PDUs a second on one core; for messages.
const CODEC_MARK: f64 = 2_000_000.0;
/// Mark of an exchange with one write for each PDU, as a share of the floor, which writes once for each PDU too.
const SINGLE_WRITE_MARK: f64 = 0.60;
/// Mark of an exchange whose writes are coalesced.
const COALESCED_MARK: f64 = 1.0;
/// How much less than connections × window ÷ latency is met.
const LATENCY_MARK: f64 = 0.95;

/// Everything that was measured.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    pub(crate) codec: Vec<CodecRow>,
    pub(crate) exchanges: Vec<ExchangeRow>,
    pub(crate) latency: Vec<LatencyRow>,
}

/// One PDU, read and written by one core.
#[derive(Debug, Serialize)]
pub(crate) struct CodecRow {
    pub(crate) protocol: &'static str,
    pub(crate) pdu: &'static str,
    pub(crate) octets: usize,
    pub(crate) decoded_per_second: f64,
    pub(crate) decode_allocations: f64,
    pub(crate) encoded_per_second: f64,
    pub(crate) encode_allocations: f64,
}

/// Exchanges over loopback.
#[derive(Debug, Serialize)]
pub(crate) struct ExchangeRow {
    pub(crate) protocol: &'static str,
    pub(crate) connections: usize,
    pub(crate) window: usize,
    pub(crate) floor_per_second: f64,
    pub(crate) single_write_per_second: f64,
    pub(crate) coalesced_per_second: f64,
}

/// Exchanges with a gateway that takes its time.
#[derive(Debug, Serialize)]
pub(crate) struct LatencyRow {
    pub(crate) protocol: &'static str,
    pub(crate) latency_ms: f64,
    pub(crate) connections: usize,
    pub(crate) window: usize,
    pub(crate) per_second: f64,
    pub(crate) allowed_per_second: f64,
}

impl Report {
    /// Three tables with their marks.
    pub(crate) fn tables(&self) -> String {
        [self.codec_table(), self.exchange_table(), self.latency_table()].join("\n\n")
    }

    fn codec_table(&self) -> String {
        let mut table = table(&[
            "PDU",
            "octets",
            "decoded/s",
            "allocations",
            "encoded/s",
            "allocations",
            "mark",
        ]);
        for row in &self.codec {
            table.add_row([
                format!("{} {}", row.protocol, row.pdu),
                row.octets.to_string(),
                grouped(row.decoded_per_second),
                format!("{:.2}", row.decode_allocations),
                grouped(row.encoded_per_second),
                format!("{:.2}", row.encode_allocations),
                row.mark(),
            ]);
        }
        format!("Codecs, one core\n\n{table}")
    }

    fn exchange_table(&self) -> String {
        let mut table = table(&[
            "message and answer, loopback",
            "floor/s",
            "one write a PDU/s",
            "of floor",
            "coalesced/s",
            "of floor",
            "mark",
        ]);
        for row in &self.exchanges {
            table.add_row([
                format!("{}, {} × window {}", row.protocol, row.connections, row.window),
                grouped(row.floor_per_second),
                grouped(row.single_write_per_second),
                format!("{:.2}", row.single_write_per_second / row.floor_per_second),
                grouped(row.coalesced_per_second),
                format!("{:.2}", row.coalesced_per_second / row.floor_per_second),
                row.mark(),
            ]);
        }
        format!("Exchanges: the floor is bare TCP, one write a PDU\n\n{table}")
    }

    fn latency_table(&self) -> String {
        let mut table = table(&[
            "gateway's latency",
            "answers/s",
            "connections × window ÷ latency",
            "mark",
        ]);
        for row in &self.latency {
            table.add_row([
                format!(
                    "{}, {} ms, {} × window {}",
                    row.protocol, row.latency_ms, row.connections, row.window
                ),
                grouped(row.per_second),
                grouped(row.allowed_per_second),
                row.mark(),
            ]);
        }
        format!("Behind a slow gateway\n\n{table}")
    }
}

impl CodecRow {
    fn mark(&self) -> String {
        let fast = self.decoded_per_second >= CODEC_MARK && self.encoded_per_second >= CODEC_MARK;
        let free = self.decode_allocations == 0.0 && self.encode_allocations == 0.0;
        met(fast && free, "≥ 2,000,000/s each, no allocation")
    }
}

impl ExchangeRow {
    fn mark(&self) -> String {
        let single = self.single_write_per_second / self.floor_per_second >= SINGLE_WRITE_MARK;
        let coalesced = self.coalesced_per_second / self.floor_per_second >= COALESCED_MARK;
        met(single && coalesced, "≥ 0.60, coalesced ≥ 1")
    }
}

impl LatencyRow {
    fn mark(&self) -> String {
        met(
            self.per_second / self.allowed_per_second >= LATENCY_MARK,
            "within 5 %",
        )
    }
}

fn met(is_met: bool, mark: &str) -> String {
    format!("{mark}: {}", if is_met { "met" } else { "MISSED" })
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(ASCII_MARKDOWN).set_header(header.to_vec());
    table
}

/// A count with its thousands apart.
fn grouped(count: f64) -> String {
    let digits = format!("{count:.0}");
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_apart() {
        assert_eq!(grouped(7.4), "7");
        assert_eq!(grouped(2_000_000.0), "2,000,000");
        assert_eq!(grouped(123_456.0), "123,456");
    }

    #[test]
    fn marks_are_told_as_met_or_missed() {
        let row = |per_second, allocations| CodecRow {
            protocol: "CMPP 3.0",
            pdu: "submit",
            octets: 200,
            decoded_per_second: per_second,
            decode_allocations: allocations,
            encoded_per_second: 2_000_001.0,
            encode_allocations: 0.0,
        };
        assert!(row(2_000_000.0, 0.0).mark().ends_with("met"));
        assert!(row(1_999_999.0, 0.0).mark().ends_with("MISSED"));
        assert!(row(3_000_000.0, 0.01).mark().ends_with("MISSED"));
        let exchange = ExchangeRow {
            protocol: "CMPP 3.0",
            connections: 1,
            window: 16,
            floor_per_second: 100.0,
            single_write_per_second: 59.0,
            coalesced_per_second: 200.0,
        };
        assert!(exchange.mark().ends_with("MISSED"));
    }
}
