//! Go-Back-N over lines on which everything goes wrong.

mod line;
mod runs;
mod world;
