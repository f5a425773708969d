//! Keeps one mapping: asks for it, renews it, gives it back.

use std::net::IpAddr;
use std::time::Duration;

use tokio::sync::watch;

use super::igd::{IgdClient, IgdPinholeClient};
use super::nat_pmp::NatPmpClient;
use super::pcp::PcpClient;
use super::stop::Stop;
use super::{Attempt, AttemptState, LEASE, Mapping, MappingError, MappingProtocol};

/// Shortest time between two renewals, whatever lease a router grants: a mapping of less than a minute
/// is of no use to anybody, and its router is not asked more often for it.
const RENEWAL_FLOOR: Duration = Duration::from_secs(30);

/// When a router that did not open the port is asked again: somebody may have changed its settings, or
/// it was starting. A share may wait for hours.
const ANOTHER_TRY: Duration = Duration::from_secs(120);

/// One protocol's half of the talk with one router.
#[derive(Debug)]
pub(super) enum Client {
    Igd(IgdClient),
    Pcp(PcpClient),
    NatPmp(NatPmpClient),
    PcpPinhole(PcpClient),
    IgdPinhole(IgdPinholeClient),
}

impl Client {
    pub(super) const fn protocol(&self) -> MappingProtocol {
        match self {
            Self::Igd(_) => MappingProtocol::UpnpIgd,
            Self::Pcp(_) => MappingProtocol::Pcp,
            Self::NatPmp(_) => MappingProtocol::NatPmp,
            Self::PcpPinhole(_) => MappingProtocol::PcpPinhole,
            Self::IgdPinhole(_) => MappingProtocol::IgdPinhole,
        }
    }

    pub(super) async fn map(&mut self) -> Result<Mapping, MappingError> {
        match self {
            Self::Igd(client) => client.map().await,
            Self::Pcp(client) | Self::PcpPinhole(client) => client.map().await,
            Self::NatPmp(client) => client.map().await,
            Self::IgdPinhole(client) => client.map().await,
        }
    }

    pub(super) async fn release(&mut self) {
        match self {
            Self::Igd(client) => client.release().await,
            Self::Pcp(client) | Self::PcpPinhole(client) => client.release().await,
            Self::NatPmp(client) => client.release().await,
            Self::IgdPinhole(client) => client.release().await,
        }
    }
}

/// Where one worker says how it stands.
#[derive(Debug)]
pub(super) struct Board {
    pub(super) attempts: watch::Sender<Vec<Attempt>>,
    /// Its own line there.
    pub(super) index: usize,
}

impl Board {
    fn tell(&self, state: AttemptState) {
        self.attempts.send_if_modified(|attempts| {
            let Some(attempt) = attempts.get_mut(self.index) else {
                return false;
            };
            let news = attempt.state != state;
            attempt.state = state;
            news
        });
    }
}

/// Runs until `stop`, then gives back what there is.
pub(super) async fn run(mut client: Client, gateway: IpAddr, board: Board, stop: Stop) {
    let protocol = client.protocol();
    let mut mapped = false;
    loop {
        let mut outcome = client.map().await;
        if mapped && outcome.is_err() {
            // The router was restarted, or is another one by now: from the beginning.
            outcome = client.map().await;
        }
        mapped = outcome.is_ok();
        tracing::debug!(?protocol, %gateway, ?outcome, "port mapping");
        let wait = match outcome {
            Ok(Mapping { external, lease }) => {
                board.tell(AttemptState::Mapped { external, lease });
                renewal(lease)
            }
            Err(MappingError::Stopped) => break,
            Err(MappingError::Silent) => {
                board.tell(AttemptState::Silent);
                ANOTHER_TRY
            }
            Err(error) => {
                board.tell(AttemptState::Refused(error));
                ANOTHER_TRY
            }
        };
        if stop.within(wait).await {
            break;
        }
    }
    client.release().await;
}

/// When to renew: at half of the lease (RFC 6886, section 3.3; RFC 6887, section 11.2.1), and no later
/// than at half of what was asked for, so that a restarted router is noticed soon.
fn renewal(lease: Duration) -> Duration {
    (lease.min(LEASE) / 2).max(RENEWAL_FLOOR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_renewed_at_its_half_within_bounds() {
        assert_eq!(renewal(LEASE), LEASE / 2);
        assert_eq!(
            renewal(Duration::from_secs(120)),
            Duration::from_secs(60),
            "as granted"
        );
        assert_eq!(renewal(Duration::from_secs(u32::MAX.into())), LEASE / 2);
        assert_eq!(renewal(Duration::from_secs(1)), RENEWAL_FLOOR);
    }
}
