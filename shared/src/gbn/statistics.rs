//! What a connection counts.

use super::Connection;

/// Counters of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Statistics {
    /// Datagrams sent.
    pub sent: u64,
    /// Bytes of those.
    pub sent_bytes: u64,
    /// Datagrams of the peer's that were taken in.
    pub accepted: u64,
    /// Datagrams that were not.
    pub ignored: u64,
    /// Packets that were found to be lost.
    pub lost: u64,
    /// Of these, those that arrived after all.
    pub late: u64,
    /// Packets that the network marked instead of dropping them, as the peer says.
    pub marked: u64,
    /// Bytes of the stream that were sent more than once.
    pub repeated_bytes: u64,
    /// Times that nothing was heard for so long that a probe was sent.
    pub probes: u64,
    /// Times that large packets stopped passing.
    pub black_holes: u64,
    /// Bytes in flight now.
    pub in_flight: u64,
    /// What may be in flight, in bytes.
    pub window: u64,
    /// Bytes of the streams held now, both ways.
    pub held_bytes: u64,
    /// Entries in the records of packets and parts now, both ways.
    pub entries: usize,
    /// Bytes of memory that those records take, less the half a MiB of the congestion controller's.
    pub records_bytes: usize,
}

impl Connection {
    /// The counters.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        Statistics {
            in_flight: self.sent.in_flight(),
            window: self.controller.window(),
            marked: self.ecn.experienced(),
            held_bytes: self.outgoing.held() + self.incoming.held(),
            entries: self.sent.len() + self.arrivals.pieces() + self.outgoing.waiting_again(),
            records_bytes: self.records_bytes(),
            ..self.statistics
        }
    }

    fn records_bytes(&self) -> usize {
        self.sent.records_bytes()
            + self.arrivals.records_bytes()
            + self.outgoing.records_bytes()
            + self.incoming.records_bytes()
    }
}
