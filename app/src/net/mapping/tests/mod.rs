//! Routers on loopback, honest ones and liars.

mod igd;
mod router;
mod udp;

use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::sync::mpsc;

use super::gateway::Gateway;
use super::{Attempt, AttemptState, MappingProtocol, PortMapper};

/// Longer than anything in here may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The port that is to be opened: nothing listens there, and nothing is sent there.
const PORT: u16 = 4000;

/// Runs a whole port mapper against one gateway: what became of `protocol`, after everything was given
/// back.
async fn run(gateway: Gateway, protocol: MappingProtocol) -> AttemptState {
    let (alive, mut ended) = mpsc::channel(1);
    let mapper = PortMapper::with_gateways(PORT, alive, move || vec![gateway]);
    let own = |each: &&Attempt| each.protocol == protocol;
    let decided = |all: &Vec<Attempt>| {
        let own = all.iter().find(own);
        own.is_some_and(|each| each.state != AttemptState::Asking)
    };
    let mut attempts = mapper.attempts();
    let waited = tokio::time::timeout(PATIENCE, attempts.wait_for(decided)).await;
    let attempts = waited.unwrap().unwrap().clone();
    drop(mapper);
    let closed = tokio::time::timeout(PATIENCE, ended.recv()).await;
    assert_eq!(closed, Ok(None), "the channel closes and nothing else");
    attempts.iter().find(own).unwrap().state.clone()
}

/// Runs all at once: most of their time is waiting.
async fn together<T: Send + 'static>(
    all: impl IntoIterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    let running: Vec<_> = all.into_iter().map(tokio::spawn).collect();
    let mut outcomes = Vec::new();
    for each in running {
        outcomes.push(each.await.unwrap());
    }
    outcomes
}

#[tokio::test]
async fn a_gateway_that_is_silent_in_every_protocol_settles_in_time() {
    let (router, _ssdp, _pcp) = router::Router::silent(Ipv4Addr::LOCALHOST.into()).await;
    let (alive, _ended) = mpsc::channel(1);
    let gateway = router.gateway.clone();
    let mapper = PortMapper::with_gateways(PORT, alive, move || vec![gateway]);
    let settled = tokio::time::timeout(PATIENCE, mapper.settled()).await;
    assert!(settled.is_ok());
    let attempts = mapper.attempts().borrow().clone();
    let protocols: Vec<_> = attempts.iter().map(|each| each.protocol).collect();
    let expected = [
        MappingProtocol::UpnpIgd,
        MappingProtocol::Pcp,
        MappingProtocol::NatPmp,
    ];
    assert_eq!(protocols, expected);
    for attempt in attempts {
        assert_eq!(attempt.state, AttemptState::Silent, "{attempt:?}");
    }
}

#[tokio::test]
async fn without_a_gateway_nothing_is_waited_for() {
    let (alive, mut ended) = mpsc::channel(1);
    let mapper = PortMapper::with_gateways(PORT, alive, Vec::new);
    let settled = tokio::time::timeout(PATIENCE, mapper.settled()).await;
    assert!(settled.is_ok());
    assert!(mapper.attempts().borrow().is_empty());
    drop(mapper);
    assert_eq!(ended.recv().await, None);
}
