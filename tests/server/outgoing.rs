//! The output of a connection whose socket buffer is full.

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use wachat::net::{Outgoing, Progress, Stragglers};

#[test]
fn what_the_socket_refuses_is_sent_in_order_and_then_the_output_is_closed() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let outgoing = Arc::new(Outgoing::new(7, Arc::new(listener.accept().unwrap().0)));
    let (told, drained) = crossbeam_channel::unbounded();
    let stragglers = Stragglers::start(Duration::from_secs(10), move |id, progress| {
        told.send((id, progress)).unwrap();
    })
    .unwrap();
    let (mut given, mut progress) = (Vec::new(), Progress::Done);
    while progress == Progress::Done || given.len() < 16 << 20 {
        let bytes = vec![(given.len() >> 16) as u8; 1 << 16];
        progress = outgoing.send(&bytes, &stragglers);
        given.extend(bytes);
    }
    outgoing.close();
    assert!(!outgoing.is_closed(), "not before the last byte is sent");
    let mut got = Vec::new();
    peer.read_to_end(&mut got).unwrap();
    assert!(got == given, "{} of {} bytes", got.len(), given.len());
    assert_eq!(drained.recv().unwrap(), (7, Progress::Done));
    assert!(outgoing.is_closed());
}

#[test]
fn a_peer_that_never_reads_is_cut_off() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let _peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let outgoing = Arc::new(Outgoing::new(7, Arc::new(listener.accept().unwrap().0)));
    let (told, drained) = crossbeam_channel::unbounded();
    let stragglers = Stragglers::start(Duration::from_millis(200), move |id, progress| {
        told.send((id, progress)).unwrap();
    })
    .unwrap();
    while outgoing.send(&[b'x'; 1 << 16], &stragglers) == Progress::Done {}
    assert_eq!(drained.recv().unwrap(), (7, Progress::Failed));
    assert!(outgoing.is_closed());
}
