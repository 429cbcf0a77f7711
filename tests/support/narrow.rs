//! Connections with small buffers: a client that reads slowly makes its server wait.

use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;

use rustix::net::sockopt::{set_socket_recv_buffer_size, set_socket_send_buffer_size};
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, getpeername, socket_with};
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};

const BYTES: usize = 4_096;

/// Connects with a small buffer for what comes.
pub fn connect_narrowly(address: SocketAddr) -> TcpStream {
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None).expect("a socket");
    set_socket_recv_buffer_size(&socket, BYTES).expect("a buffer");
    connect(&socket, &address).expect("a connection");
    socket.into()
}

/// Makes the buffer small in which a server in this process sends to a client: what does not fit has to wait.
pub fn narrow_output_to(client: SocketAddr) {
    let this = pidfd_open(getpid(), PidfdFlags::empty()).expect("this process");
    let descriptors = std::fs::read_dir("/proc/self/fd").expect("its descriptors");
    let numbers = descriptors.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let sockets = numbers.filter_map(|number| pidfd_getfd(&this, number, PidfdGetfdFlags::empty()).ok());
    let is_of =
        |socket: &OwnedFd| getpeername(socket).ok().flatten().and_then(|peer| peer.try_into().ok()) == Some(client);
    for socket in sockets.filter(is_of) {
        set_socket_send_buffer_size(&socket, BYTES).expect("a buffer");
    }
}
