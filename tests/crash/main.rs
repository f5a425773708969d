//! Tier 2: the built binaries, killed at each call by which they change or read what is on the disk, on several file
//! systems (Linux on x86-64, root).
//!
//! After each: a final name is absent or its content complete, what was there before is what it was, and the
//! next run finishes, with what was missing and little more.
//!
//! A failure names the kind of file system, the seed of the files, and the number of the call. That one alone,
//! here call 152 of the files of seed 3:
//!
//! ```text
//! FARDROP_CRASH_POINT=3:152 cargo test -p fardrop-tests --test crash on_ext4
//! ```

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod contents;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod interruptions;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod places;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod plan;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod receivers;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod senders;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod share;
