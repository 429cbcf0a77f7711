//! Ports that are kept for a server that does not listen yet, or not now.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketType, bind, socket};
use wachat::course::process::KeptPort;

const ANY: SocketAddr = SocketAddr::V4(std::net::SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0));

#[test]
fn a_kept_port_goes_to_its_server_alone_however_often_that_comes_and_goes() {
    let kept = KeptPort::keep(ANY).unwrap();
    let others: Vec<_> = (0..1000).map(|_| KeptPort::keep(ANY).unwrap().address).collect();
    assert!(!others.contains(&kept.address), "a port that any program may have");
    let other = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    assert_eq!(bind(&other, &kept.address), Err(Errno::ADDRINUSE));
    for _ in 0..3 {
        assert!(TcpStream::connect(kept.address).is_err(), "nobody listens");
        let listener = kept.listen().unwrap();
        let client = TcpStream::connect(kept.address).unwrap();
        // The server's end closes first, and waits there for lines that come late.
        drop(listener.accept().unwrap());
        drop((listener, client));
    }
}

#[test]
fn a_port_on_which_a_program_listens_is_not_kept() {
    let listener = TcpListener::bind(ANY).unwrap();
    let address = listener.local_addr().unwrap();
    assert_eq!(KeptPort::keep(address).err().map(|error| error.kind()), Some(std::io::ErrorKind::AddrInUse));
    drop(listener);
    assert_eq!(KeptPort::keep(address).unwrap().address, address);
}

/// As after a fork: until the new program begins, it holds the socket, too.
#[test]
fn a_server_comes_back_although_a_copy_of_its_listener_is_still_open() {
    let kept = KeptPort::keep(ANY).unwrap();
    let copy = kept.listen().unwrap();
    let closing = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(200));
        drop(copy);
    });
    kept.listen().unwrap();
    closing.join().unwrap();
}
