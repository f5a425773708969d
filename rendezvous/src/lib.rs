//! The Fardrop rendezvous: a pure `respond` and a socket loop around it.
