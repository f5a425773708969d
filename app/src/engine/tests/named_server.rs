//! A code that names a server: where it leads is said first, and some places are refused.

use std::net::{TcpListener, UdpSocket};

use super::*;

fn with_server(code: &str, server: &str) -> String {
    format!("{code}@{server}")
}

/// A receiver that has set no server.
fn receiver(memory: Option<&Path>) -> EngineHandle {
    let config = EngineConfig {
        memory: memory.map(Path::to_owned),
        ..config("Bob")
    };
    start(config, Arc::new(|| {})).unwrap()
}

#[test]
fn a_code_that_leads_to_this_machine_is_refused_before_a_packet_leaves() {
    let to = tempfile::tempdir().unwrap();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = tcp.local_addr().unwrap();
    let udp = UdpSocket::bind(address).unwrap();
    tcp.set_nonblocking(true).unwrap();
    udp.set_nonblocking(true).unwrap();
    let receiver = receiver(None);
    let code = with_server("417-acid-lemon", &address.to_string());
    receive(&receiver, &code, to.path());
    assert_eq!(failed(&receiver), FailureKind::ServerRefused);
    assert!(udp.recv_from(&mut [0; 2000]).is_err(), "a packet came");
    assert!(tcp.accept().is_err(), "a connection came");
}

#[test]
fn a_server_that_the_person_has_set_is_no_stranger() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::write(from.path().join("file"), b"x").unwrap();
    let server = serve();
    let (sender, receiver) = (engine(&server, "Ada"), engine(&server, "Bob"));
    let file = from.path().join("file");
    let code = share(&sender, &file, ShareLifetime::UntilStopped);
    receive(&receiver, &with_server(&code, &server), to.path());
    accept(&receiver);
    assert_eq!(done(&receiver).files, 1);
}

#[test]
fn where_a_code_leads_is_said_first() {
    let to = tempfile::tempdir().unwrap();
    let receiver = receiver(None);
    // No name of this ending resolves (RFC 6761, section 6.4).
    receive(
        &receiver,
        &with_server("417-acid-lemon", "ada.invalid:4840"),
        to.path(),
    );
    // An end of the task would end the wait in vain.
    let said = until(&receiver, |event| match event {
        Event::Task(_, TaskEvent::NamesServer { server, known }) => Some((server, known)),
        _ => None,
    });
    assert_eq!(said, ("ada.invalid:4840".to_owned(), false));
    assert_eq!(failed(&receiver), FailureKind::RendezvousUnreachable);
}
