//! The three namespaces, and packets through them.

use crate::wire::{self, Kind, Seen};
use fw_model::route::NextHop;
use fw_model::{Device, Interface, Packet, Route};
use ipnet::IpNet;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The prefixes that the firewall's near interface leads to. All others are
/// behind the far one.
pub const NEAR: [&str; 6] = [
    "10.0.1.0/24",
    "10.1.0.0/16",
    "10.20.0.0/16",
    "fd00:1::/32",
    "2001:db8:1::/48",
    "2001:db8:20::/48",
];
/// The firewall's addresses at its near interface.
pub const OWN_NEAR: [&str; 2] = ["10.0.1.1", "fd00:1::1"];
/// The firewall's addresses at its far interface.
pub const OWN_FAR: [&str; 2] = ["10.0.2.1", "fd00:2::1"];
/// The ports on which the firewall itself answers, and their neighbours.
pub const PORTS: [u16; 12] = [
    22, 25, 53, 80, 443, 1000, 2000, 2222, 3128, 8080, 8443, 9000,
];

/// No packet for so long: there is none any more.
const QUIET: Duration = Duration::from_millis(60);

/// Where a probe starts.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Place {
    /// Behind the near interface.
    Near,
    /// Behind the far interface.
    Far,
    /// At the firewall itself.
    Firewall,
}

/// What became of a probe.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Fate {
    /// The first packet as it arrived.
    pub arrived: Option<Packet>,
    /// The answer came back.
    pub answered: bool,
    /// A reset or an ICMP error came back.
    pub refused: bool,
}

/// The namespaces and all sockets in them. The thread that made it is in the
/// firewall's namespace from then on, and so are the programs it starts.
pub struct World {
    /// The firewall's near interface.
    pub near_name: String,
    /// The firewall's far interface.
    pub far_name: String,
    namespaces: Vec<String>,
    hosts: [Host; 2],
    own: OwnSockets,
    next: u32,
    /// Hosts that are behind the near interface besides [`NEAR`].
    also_near: Vec<IpAddr>,
}

struct Host {
    send: Senders,
    receive: [Socket; 2],
}

struct Senders {
    v4: Socket,
    v6: Socket,
}

struct OwnSockets {
    send: Senders,
    /// What passes the input hook: protocol, and for IPv6 the address that the
    /// socket is bound to, since raw sockets of IPv6 do not show the header.
    receive: Vec<(Option<IpAddr>, u8, Socket)>,
    udp: Vec<UdpSocket>,
    tcp: Vec<Socket>,
}

impl Drop for World {
    fn drop(&mut self) {
        for name in &self.namespaces {
            let _ = Command::new("ip").args(["netns", "del", name]).status();
        }
    }
}

/// Runs a program and gives it `input`.
///
/// # Errors
/// What it says on its standard error.
pub fn run(program: &str, arguments: &[&str], input: &str) -> Result<String, String> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| format!("{program}: {e}"))?;
    let mut stdin = child.stdin.take().expect("piped");
    let text = input.to_owned();
    let writer = std::thread::spawn(move || {
        let _ = stdin.write_all(text.as_bytes());
    });
    let output = child.wait_with_output().map_err(|e| e.to_string())?;
    let _ = writer.join();
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(format!(
            "{program}: {}",
            String::from_utf8_lossy(&output.stderr)
        ))
    }
}

fn enter(namespace: &str) {
    let file = File::open(format!("/run/netns/{namespace}")).expect("the namespace exists");
    move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
        .expect("root may enter a network namespace");
}

fn raw(domain: Domain, protocol: i32) -> Socket {
    let socket = Socket::new(domain, Type::RAW, Some(Protocol::from(protocol)))
        .expect("root may open raw sockets");
    socket.set_nonblocking(true).expect("sockets can");
    let _ = socket.set_recv_buffer_size(4 << 20);
    socket
}

/// Protocol 255 sends packets that have their IP header already.
const WITH_HEADER: i32 = 255;

impl Senders {
    fn open() -> Self {
        Self {
            v4: raw(Domain::IPV4, WITH_HEADER),
            v6: raw(Domain::IPV6, WITH_HEADER),
        }
    }

    /// False if the kernel refused at once, as its output hook may.
    fn send(&self, bytes: &[u8], to: IpAddr) -> bool {
        let socket = if to.is_ipv4() { &self.v4 } else { &self.v6 };
        let address = SockAddr::from(SocketAddr::new(to, 0));
        loop {
            match socket.send_to(bytes, &address) {
                Ok(_) => return true,
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err(_) => return false,
            }
        }
    }
}

impl Host {
    fn open(namespace: &str) -> Self {
        let namespace = namespace.to_owned();
        std::thread::spawn(move || {
            enter(&namespace);
            // Packets of one protocol that come in; not those that go out.
            let packets = |ethernet: u16| {
                let socket = Socket::new(
                    Domain::PACKET,
                    Type::DGRAM,
                    Some(Protocol::from(i32::from(ethernet.to_be()))),
                )
                .expect("root may open packet sockets");
                socket.set_nonblocking(true).expect("sockets can");
                let _ = socket.set_recv_buffer_size(8 << 20);
                socket
            };
            Self {
                send: Senders::open(),
                receive: [packets(0x0800), packets(0x86dd)],
            }
        })
        .join()
        .expect("sockets of a host")
    }
}

impl OwnSockets {
    fn open() -> Self {
        let mut receive = Vec::new();
        for protocol in [6, 17, 1, 50] {
            receive.push((None, protocol, raw(Domain::IPV4, i32::from(protocol))));
        }
        for [_, own] in [OWN_NEAR, OWN_FAR] {
            let own: IpAddr = own.parse().expect("an address");
            for protocol in [6, 17, 58, 50] {
                let socket = raw(Domain::IPV6, i32::from(protocol));
                socket
                    .bind(&SockAddr::from(SocketAddr::new(own, 0)))
                    .expect("the address is there");
                receive.push((Some(own), protocol, socket));
            }
        }
        let mut udp = Vec::new();
        for address in OWN_NEAR.iter().chain(&OWN_FAR) {
            let address: IpAddr = address.parse().expect("an address");
            for port in answered_ports() {
                let socket = UdpSocket::bind((address, port)).expect("the port is free");
                socket.set_nonblocking(true).expect("sockets can");
                udp.push(socket);
            }
        }
        Self {
            send: Senders::open(),
            receive,
            udp,
            tcp: Vec::new(),
        }
    }

    /// Forgets half-open connections.
    fn listen_anew(&mut self) {
        self.tcp.clear();
        for (domain, any) in [
            (Domain::IPV4, IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
            (Domain::IPV6, IpAddr::V6(Ipv6Addr::UNSPECIFIED)),
        ] {
            for port in answered_ports() {
                let socket = Socket::new(domain, Type::STREAM, None).expect("a socket");
                if domain == Domain::IPV6 {
                    socket.set_only_v6(true).expect("sockets can");
                }
                socket.set_reuse_address(true).expect("sockets can");
                // A program that another thread is starting holds the old socket
                // for a moment.
                let address = SockAddr::from(SocketAddr::new(any, port));
                let mut trials = 0;
                while let Err(e) = socket.bind(&address) {
                    trials += 1;
                    assert!(trials < 1000, "port {port}: {e}");
                    std::thread::sleep(Duration::from_millis(2));
                }
                socket.listen(60000).expect("sockets can");
                self.tcp.push(socket);
            }
        }
    }
}

/// Sets the firewall's interfaces up: addresses, neighbours, and routes to
/// what is behind them. The calling thread is in the firewall's namespace.
fn connect(names: [&str; 2], also_near: &[IpAddr]) {
    let [near_name, far_name] = names;
    let [mut v4, mut v6] = [String::new(), String::new()];
    for (name, [own4, own6], gateway, link) in [
        (near_name, OWN_NEAR, "169.254.1", "fe80:0:0:1"),
        (far_name, OWN_FAR, "169.254.2", "fe80:0:0:2"),
    ] {
        let neighbour = format!("lladdr 02:00:00:00:00:02 dev {name} nud permanent");
        v4.push_str(&format!(
            "link set {name} up\naddr replace {own4}/32 dev {name}\n\
             neigh replace {gateway}.2 {neighbour}\n"
        ));
        v6.push_str(&format!(
            "addr replace {own6}/128 dev {name} nodad\nneigh replace {link}::2 {neighbour}\n"
        ));
    }
    let hosts: Vec<String> = also_near
        .iter()
        .map(|a| IpNet::from(*a).to_string())
        .collect();
    for prefix in NEAR.into_iter().chain(hosts.iter().map(String::as_str)) {
        let (batch, via) = if prefix.contains(':') {
            (&mut v6, "fe80:0:0:1::2")
        } else {
            (&mut v4, "169.254.1.2")
        };
        batch.push_str(&format!(
            "route replace {prefix} via {via} dev {near_name} onlink\n"
        ));
    }
    v4.push_str(&format!(
        "route replace default via 169.254.2.2 dev {far_name} onlink\n"
    ));
    v6.push_str(&format!(
        "route replace default via fe80:0:0:2::2 dev {far_name} onlink\n"
    ));
    run("ip", &["-4", "-batch", "-"], &v4).expect("the topology");
    run("ip", &["-6", "-batch", "-"], &v6).expect("the topology");
}

/// The ports on which the firewall itself answers.
#[must_use]
pub fn answered_ports() -> Vec<u16> {
    let mut out: Vec<u16> = PORTS.iter().flat_map(|p| [p - 1, *p, p + 1]).collect();
    out.sort_unstable();
    out.dedup();
    out
}

impl World {
    /// Makes the namespaces; `tag` keeps several worlds of a process apart.
    #[must_use]
    pub fn new(tag: &str, near_name: &str, far_name: &str) -> Self {
        let id = std::process::id();
        let names = ["n", "w", "f"].map(|part| format!("fwj{tag}{part}{id}"));
        let [near, firewall, far] = &names;
        let mut script = String::new();
        for name in &names {
            let _ = Command::new("ip").args(["netns", "del", name]).output();
            run("ip", &["netns", "add", name], "").expect("a namespace");
        }
        for (host, name, gateway, link) in [
            (near, near_name, "169.254.1", "fe80:0:0:1"),
            (far, far_name, "169.254.2", "fe80:0:0:2"),
        ] {
            script.push_str(&format!(
                "ip -n {firewall} link add {name} address 02:00:00:00:00:01 type veth peer name uplink netns {host} address 02:00:00:00:00:02\n\
                 ip -n {host} link set uplink up\n\
                 ip -n {host} addr add {gateway}.2/32 dev uplink\n\
                 ip -n {host} addr add {link}::2/128 dev uplink nodad\n\
                 ip -n {host} neigh replace {gateway}.1 lladdr 02:00:00:00:00:01 dev uplink nud permanent\n\
                 ip -n {host} neigh replace {link}::1 lladdr 02:00:00:00:00:01 dev uplink nud permanent\n\
                 ip -n {host} route add default via {gateway}.1 dev uplink onlink\n\
                 ip -n {host} -6 route add default via {link}::1 dev uplink onlink\n",
            ));
        }
        script.push_str(&format!("ip -n {firewall} link set lo up\n"));
        run("sh", &["-e"], &script).expect("the topology");
        enter(firewall);
        connect([near_name, far_name], &[]);
        // Inherited by all programs that this thread starts.
        let mut script = String::new();
        for scope in ["all", "default", near_name, far_name] {
            for (setting, value) in [("rp_filter", 0), ("send_redirects", 0), ("forwarding", 1)] {
                script.push_str(&format!(
                    "echo {value} > /proc/sys/net/ipv4/conf/{scope}/{setting}\n"
                ));
            }
        }
        for (setting, value) in [
            ("ipv4/ip_forward", "1"),
            ("ipv6/conf/all/forwarding", "1"),
            ("ipv4/icmp_ratelimit", "0"),
            ("ipv6/icmp/ratelimit", "0"),
            ("ipv4/tcp_max_syn_backlog", "65536"),
            ("ipv4/tcp_syncookies", "0"),
            ("core/somaxconn", "65536"),
        ] {
            script.push_str(&format!("echo {value} > /proc/sys/net/{setting}\n"));
        }
        // Not in every kernel a setting of the namespace.
        script.push_str("echo 1000000 > /proc/sys/net/ipv4/icmp_msgs_per_sec || true\n");
        script.push_str("echo 1000000 > /proc/sys/net/ipv4/icmp_msgs_burst || true\n");
        script.push_str("echo 0 > /proc/sys/net/ipv4/icmp_echo_ignore_broadcasts || true\n");
        run("sh", &["-e"], &script).expect("the settings");
        let hosts = [Host::open(near), Host::open(far)];
        let own = OwnSockets::open();
        let world = Self {
            near_name: near_name.to_owned(),
            far_name: far_name.to_owned(),
            namespaces: names.to_vec(),
            hosts,
            own,
            next: 1,
            also_near: Vec::new(),
        };
        world.drain(&mut |_, _| {});
        world
    }

    /// Gives the firewall's interfaces other names, and puts hosts behind the
    /// near one.
    pub fn arrange(&mut self, names: [&str; 2], near: &[IpAddr]) {
        let same = [&*self.near_name, &*self.far_name] == names;
        if same && near.iter().all(|a| self.is_near(*a)) {
            return;
        }
        let mut batch = String::new();
        for (old, step) in [(&self.near_name, "tmp0"), (&self.far_name, "tmp1")] {
            batch.push_str(&format!(
                "link set {old} down\nlink set {old} name {step}\n"
            ));
        }
        for (step, new) in ["tmp0", "tmp1"].iter().zip(names) {
            batch.push_str(&format!("link set {step} name {new}\n"));
        }
        run("ip", &["-batch", "-"], &batch).expect("interfaces can be renamed");
        self.also_near = near.to_vec();
        connect(names, near);
        [self.near_name, self.far_name] = names.map(str::to_owned);
    }

    fn is_near(&self, address: IpAddr) -> bool {
        self.also_near.contains(&address)
            || NEAR
                .iter()
                .filter_map(|p| p.parse::<IpNet>().ok())
                .any(|net| net.contains(&address))
    }

    /// Gives a device what its ruleset does not say: interfaces and routes.
    pub fn place(&self, device: &mut Device) {
        let interface = |name: &str, own: [&str; 2]| Interface {
            name: name.to_owned(),
            enabled: true,
            addresses: own
                .iter()
                .map(|a| IpNet::from(a.parse::<IpAddr>().expect("an address")))
                .collect(),
            ..Interface::default()
        };
        device.interfaces = vec![
            interface(&self.near_name, OWN_NEAR),
            interface(&self.far_name, OWN_FAR),
        ];
        device.interfaces_complete = true;
        let route = |prefix: &str, name: &str| Route {
            vrf: String::new(),
            prefix: prefix.parse().expect("a prefix"),
            next: NextHop::Interface(name.to_owned(), None),
            metric: 0,
            span: None,
        };
        device.routes = NEAR.iter().map(|p| route(p, &self.near_name)).collect();
        for host in &self.also_near {
            device
                .routes
                .push(route(&IpNet::from(*host).to_string(), &self.near_name));
        }
        for all in ["0.0.0.0/0", "::/0"] {
            device.routes.push(route(all, &self.far_name));
        }
    }

    /// The interface by which packets of a place come in.
    #[must_use]
    pub fn ingress(&self, place: Place) -> Option<&str> {
        match place {
            Place::Near => Some(&self.near_name),
            Place::Far => Some(&self.far_name),
            Place::Firewall => None,
        }
    }

    /// Sends the first packets of connections and waits for what comes back.
    /// Connections of earlier calls are forgotten.
    pub fn probe(&mut self, probes: &[(Place, Packet)]) -> Vec<Fate> {
        run("conntrack", &["-F"], "").expect("the connections are forgotten");
        self.own.listen_anew();
        self.drain(&mut |_, _| {});
        let base = self.next;
        self.next = (base + probes.len() as u32) % (1 << 27);
        let mut fates = vec![Fate::default(); probes.len()];
        let mut note = |at: Place, seen: Seen| {
            let Some(index) = seen.id.checked_sub(base).map(|n| n as usize) else {
                return;
            };
            let (Some(fate), Some((from, sent))) = (fates.get_mut(index), probes.get(index)) else {
                return;
            };
            match seen.kind {
                Kind::Question => fate.arrived = Some(seen.packet),
                // It must come from where the first packet went, translations undone.
                Kind::Answer => {
                    let back = sent.reply();
                    let hidden = seen.packet.source.is_unspecified();
                    fate.answered |= at == *from
                        && (seen.packet == back
                            || hidden
                                && (seen.packet.destination, seen.packet.destination_port)
                                    == (back.destination, back.destination_port));
                }
                Kind::Refusal => fate.refused |= at == *from,
            }
        };
        for (index, (from, packet)) in probes.iter().enumerate() {
            let bytes = wire::question(packet, base + index as u32);
            self.sender(*from).send(&bytes, packet.destination);
            if index % 32 == 31 {
                self.drain(&mut note);
            }
        }
        let mut last = Instant::now();
        while last.elapsed() < QUIET {
            if self.drain(&mut note) {
                last = Instant::now();
            } else {
                std::thread::sleep(Duration::from_millis(3));
            }
        }
        fates
    }

    fn sender(&self, place: Place) -> &Senders {
        let [near, far] = &self.hosts;
        match place {
            Place::Near => &near.send,
            Place::Far => &far.send,
            Place::Firewall => &self.own.send,
        }
    }

    /// Reads and answers what has come in. False if nothing has.
    fn drain(&self, note: &mut dyn FnMut(Place, Seen)) -> bool {
        let mut any = false;
        let mut buffer = [0u8; 2048];
        for (host, place) in self.hosts.iter().zip([Place::Near, Place::Far]) {
            for socket in &host.receive {
                while let Ok(length) = (&mut &*socket).read(&mut buffer) {
                    any = true;
                    let Some(seen) = wire::read(&buffer[..length]) else {
                        continue;
                    };
                    note(place, seen);
                    if seen.kind == Kind::Question {
                        host.send.send(&wire::answer(&seen), seen.packet.source);
                    }
                }
            }
        }
        for (own, protocol, socket) in &self.own.receive {
            while let Ok(length) = (&mut &*socket).read(&mut buffer) {
                any = true;
                let bytes = &buffer[..length];
                let unknown = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
                let seen = match own {
                    Some(own) => wire::body_of(unknown, *own, *protocol, bytes),
                    None => wire::read(bytes),
                };
                if let Some(seen) = seen {
                    note(Place::Firewall, seen);
                }
            }
        }
        for socket in &self.own.udp {
            while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                any = true;
                if let Some(byte) = buffer.get_mut(3)
                    && *byte == b'Q'
                {
                    *byte = b'R';
                    let _ = socket.send_to(&buffer[..length], from);
                }
            }
        }
        any
    }
}
