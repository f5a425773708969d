//! Go-Back-N over lines on which everything goes wrong.

mod line;
mod looks;
mod marks;
mod runs;
mod scenarios;
mod shares;
mod world;
