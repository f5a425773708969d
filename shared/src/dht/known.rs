//! Nodes of one family that have answered, spread over all ids: where the next search begins.

use std::net::SocketAddr;

use super::contact::Contact;
use crate::limits::{DHT_KNOWN_FAILURES, DHT_KNOWN_PER_PREFIX};

#[derive(Debug)]
struct Node {
    contact: Contact,
    /// Questions in a row that it has left unanswered.
    failures: u8,
}

/// The table. Who answers stays for as long as they do: nodes that have been there for long are the ones that will
/// be there for long.
#[derive(Debug, Default)]
pub(super) struct Known(Vec<Node>);

impl Known {
    /// Takes in a node that has answered, or is remembered to have.
    pub(super) fn add(&mut self, contact: Contact) {
        let same = |node: &Node| node.contact.address == contact.address;
        if let Some(node) = self.0.iter_mut().find(|node| same(node)) {
            *node = Node {
                contact,
                failures: 0,
            };
            return;
        }
        let prefix = prefix(&contact);
        let alike = |node: &&Node| self::prefix(&node.contact) == prefix;
        if self.0.iter().filter(alike).count() >= DHT_KNOWN_PER_PREFIX {
            let failing = self
                .0
                .iter()
                .position(|node| alike(&node) && node.failures > 0);
            let Some(failing) = failing else { return };
            self.0.remove(failing);
        }
        self.0.push(Node {
            contact,
            failures: 0,
        });
    }

    /// Notes that a node has not answered.
    pub(super) fn on_silence(&mut self, address: SocketAddr) {
        let node = self
            .0
            .iter_mut()
            .find(|node| node.contact.address == address);
        if let Some(node) = node {
            node.failures += 1;
        }
        self.0.retain(|node| node.failures < DHT_KNOWN_FAILURES);
    }

    /// All of them.
    pub(super) fn contacts(&self) -> impl Iterator<Item = Contact> {
        self.0.iter().map(|node| node.contact)
    }
}

/// The first four bits of a node's id.
const fn prefix(contact: &Contact) -> u8 {
    contact.id.0[0] >> 4
}
