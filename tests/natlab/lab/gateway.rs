//! A real internet gateway device in a router: Debian's `miniupnpd`.

use std::net::Ipv4Addr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use fardrop_tests::namespace::Namespace;

use super::SHARED_TABLE;

/// How long it may take to start.
const PATIENCE: Duration = Duration::from_secs(20);

/// Which ways to ask for a port a gateway has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Protocols {
    /// UPnP IGD.
    pub(crate) upnp: bool,
    /// NAT-PMP (RFC 6886).
    pub(crate) nat_pmp: bool,
    /// PCP (RFC 6887).
    pub(crate) pcp: bool,
}

impl Protocols {
    /// All three, as home routers ship.
    pub(crate) const ALL: Self = Self {
        upnp: true,
        nat_pmp: true,
        pcp: true,
    };
    /// UPnP IGD alone.
    pub(crate) const UPNP: Self = Self {
        upnp: true,
        nat_pmp: false,
        pcp: false,
    };
    /// NAT-PMP alone.
    pub(crate) const NAT_PMP: Self = Self {
        upnp: false,
        nat_pmp: true,
        pcp: false,
    };
    /// PCP alone.
    pub(crate) const PCP: Self = Self {
        upnp: false,
        nat_pmp: false,
        pcp: true,
    };

    /// Rules that hide one of the two that share a port and a switch of the daemon: the first byte of
    /// a request is its version, 0 for NAT-PMP and 2 for PCP.
    fn hidden(self) -> Option<&'static str> {
        match (self.nat_pmp, self.pcp) {
            (true, false) => Some("2"),
            (false, true) => Some("0"),
            (true, true) | (false, false) => None,
        }
    }
}

/// What a router says to those who ask for a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GatewayPlan {
    /// Which ways to ask it has.
    pub(crate) protocols: Protocols,
    /// The outside address that it claims to have, true or not; `None`: the one of its device.
    pub(crate) claims: Option<Ipv4Addr>,
}

/// The running daemon; it ends with this value, or with this process.
#[derive(Debug)]
pub(super) struct Gateway {
    daemon: Child,
    _folder: tempfile::TempDir,
}

impl Gateway {
    /// Starts it in a router, and waits until it listens.
    pub(super) fn start(router: &Namespace, plan: GatewayPlan) -> Result<Self> {
        let GatewayPlan { protocols, claims } = plan;
        let switch = |on: bool| if on { "yes" } else { "no" };
        let folder = tempfile::tempdir()?;
        let settings = folder.path().join("miniupnpd.conf");
        let text = format!(
            "ext_ifname=wan
listening_ip=lan
http_port=0
enable_upnp={}
enable_natpmp={}
secure_mode=yes
system_uptime=yes
notify_interval=60
uuid=00000000-0000-4000-8000-000000000001
upnp_table_name={SHARED_TABLE}
upnp_nat_table_name={SHARED_TABLE}
upnp_forward_chain=miniupnpd
upnp_nat_chain=prerouting_miniupnpd
upnp_nat_postrouting_chain=postrouting_miniupnpd
allow 1024-65535 0.0.0.0/0 1024-65535
deny 0-65535 0.0.0.0/0 0-65535
",
            switch(protocols.upnp),
            switch(protocols.nat_pmp || protocols.pcp),
        );
        let claim = claims.map(|address| format!("ext_ip={address}\n"));
        std::fs::write(&settings, text + claim.as_deref().unwrap_or_default())?;
        if let Some(version) = protocols.hidden() {
            let rules = format!(
                "table ip gateway_lab {{\n chain input {{\n  type filter hook input priority filter\n  \
                udp dport 5351 @th,64,8 {version} drop\n }}\n}}\n"
            );
            router.filter(&rules)?;
        }
        let pid_file = folder.path().join("pid");
        let mut command = Command::new("miniupnpd");
        command.args(["-d".as_ref(), "-f".as_ref(), settings.as_os_str()]);
        command.args(["-P".as_ref(), pid_file.as_os_str()]);
        let daemon = router
            .inside(&command)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("miniupnpd")?;
        let gateway = Self {
            daemon,
            _folder: folder,
        };
        gateway.wait_until_it_listens(router, protocols)?;
        Ok(gateway)
    }

    fn wait_until_it_listens(&self, router: &Namespace, protocols: Protocols) -> Result<()> {
        let wanted: &[&str] = match (protocols.upnp, protocols.nat_pmp || protocols.pcp) {
            (true, true) => &[":1900 ", ":5351 "],
            (true, false) => &[":1900 "],
            (false, true) => &[":5351 "],
            (false, false) => &[],
        };
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            let sockets = router.run("ss -Hnul")?;
            if wanted.iter().all(|port| sockets.contains(port)) {
                return Ok(());
            }
        }
        bail!("miniupnpd does not listen; has it been told to use an address it refuses?")
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // It may have ended by itself; either way nothing of it is left.
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}
