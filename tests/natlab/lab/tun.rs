//! A TUN device: a cable whose other end is this process.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;

use anyhow::{Context, Result, bail};
use rustix::fs::OFlags;
use rustix::ioctl::{Opcode, Updater, opcode};

use fardrop_tests::namespace::Namespace;

/// `IFF_TUN` and `IFF_NO_PI` of `linux/if_tun.h`: IP packets with nothing in front of them. Without
/// `IFF_VNET_HDR` the kernel cuts super-packets and fills in checksums before we see them.
const PLAIN_PACKETS: u16 = 0x0001 | 0x1000;

/// `TUNSETIFF` of `linux/if_tun.h`, which is declared to carry an `int` although it carries an `ifreq`.
const ATTACH: Opcode = opcode::write::<i32>(b'T', 202);

/// Bytes of a device's name, its closing zero included (`IFNAMSIZ`).
const NAME_LENGTH: usize = 16;

/// `struct ifreq` as far as `TUNSETIFF` uses it, and as long as the longest there is.
#[repr(C)]
struct InterfaceRequest {
    name: [u8; NAME_LENGTH],
    flags: u16,
    rest: [u8; 22],
}

/// Where TUN devices are made.
const MAKER: &str = "/dev/net/tun";

/// Whether this user may make one, as far as can be told without making it.
pub(super) fn check() -> io::Result<()> {
    OpenOptions::new().read(true).write(true).open(MAKER)?;
    Ok(())
}

/// Makes the device `name` in a namespace. It lives as long as the file: each read takes one packet
/// that the namespace sends there, each write hands it one, and none of them waits.
pub(super) fn open(namespace: &Namespace, name: &str) -> Result<File> {
    let mut request = InterfaceRequest {
        name: [0; NAME_LENGTH],
        flags: PLAIN_PACKETS,
        rest: [0; 22],
    };
    if name.len() >= NAME_LENGTH {
        bail!("{name} is too long for a device");
    }
    request.name[..name.len()].copy_from_slice(name.as_bytes());
    namespace.with(move || {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
            .open(MAKER)
            .context(MAKER)?;
        attach(&file, &mut request).context("a TUN device")?;
        Ok(file)
    })
}

#[expect(unsafe_code, reason = "no safe interface makes a TUN device")]
fn attach(file: &File, request: &mut InterfaceRequest) -> io::Result<()> {
    // SAFETY: TUNSETIFF reads and writes one `struct ifreq` behind the pointer; `InterfaceRequest` is
    // as long as that, and lives until the call is over.
    let result = unsafe {
        let update = Updater::<'_, ATTACH, InterfaceRequest>::new(request);
        rustix::ioctl::ioctl(file, update)
    };
    Ok(result?)
}
