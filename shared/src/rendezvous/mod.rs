//! The client's side of the rendezvous: saying where one is, and swapping messages with the other side.
