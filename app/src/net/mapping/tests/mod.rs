//! Routers on loopback, honest ones and liars.

mod igd;
mod router;
mod udp;

use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::sync::watch;

use super::gateway::Gateway;
use super::stop::Stop;
use super::{Attempt, AttemptState, MappingProtocol, PortMapper, PortMappers};

/// Longer than anything in here may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The port that is to be opened: nothing listens there, and nothing is sent there.
const PORT: u16 = 4000;

/// Runs a whole port mapper against one gateway: what became of `protocol`, after everything was given
/// back.
async fn run(gateway: Gateway, protocol: MappingProtocol) -> AttemptState {
    let mappers = PortMappers::new();
    let mapper = PortMapper::with_gateways(PORT, &mappers.permit(), move || vec![gateway]);
    let own = |each: &&Attempt| each.protocol == protocol;
    let decided = |all: &Vec<Attempt>| {
        let own = all.iter().find(own);
        own.is_some_and(|each| each.state != AttemptState::Asking)
    };
    let mut attempts = mapper.attempts();
    let waited = tokio::time::timeout(PATIENCE, attempts.wait_for(decided)).await;
    let attempts = waited.unwrap().unwrap().clone();
    drop(mapper);
    let released = tokio::time::timeout(PATIENCE, mappers.released()).await;
    assert_eq!(released, Ok(()), "everything is given back");
    attempts.iter().find(own).unwrap().state.clone()
}

/// No wish to end for as long as the first is held.
fn running() -> ((watch::Sender<()>, watch::Sender<bool>), Stop) {
    let (holding, dropped) = watch::channel(());
    let (owner, ending) = watch::channel(false);
    ((holding, owner), Stop::new(dropped, ending))
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
    let mappers = PortMappers::new();
    let gateway = router.gateway.clone();
    let mapper = PortMapper::with_gateways(PORT, &mappers.permit(), move || vec![gateway]);
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
    let mappers = PortMappers::new();
    let mapper = PortMapper::with_gateways(PORT, &mappers.permit(), Vec::new);
    let settled = tokio::time::timeout(PATIENCE, mapper.settled()).await;
    assert!(settled.is_ok());
    assert!(mapper.attempts().borrow().is_empty());
    drop(mapper);
    let released = tokio::time::timeout(PATIENCE, mappers.released()).await;
    assert_eq!(released, Ok(()));
}

#[tokio::test]
async fn a_mapper_that_is_still_held_ends_when_all_are_to_end() {
    let router = router::Router::honest(igd::honest).await;
    let mappers = PortMappers::new();
    let permit = mappers.permit();
    let gateway = router.gateway.clone();
    let mapper = PortMapper::with_gateways(PORT, &permit, move || vec![gateway]);
    tokio::time::timeout(PATIENCE, mapper.settled())
        .await
        .unwrap();
    mappers.end();
    let late = PortMapper::with_gateways(PORT, &permit, || unreachable!("it is too late"));
    let released = tokio::time::timeout(PATIENCE, mappers.released()).await;
    assert_eq!(released, Ok(()));
    let actions = router.actions();
    assert_eq!(
        actions.last().map(String::as_str),
        Some("DeletePortMapping")
    );
    drop((mapper, late));
}
