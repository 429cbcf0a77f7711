//! The authorities that this machine trusts: a server for which one of them vouches needs no line in the file of known servers,
//! and one that has another certificate there may change it.

use std::path::Path;
use std::process::Command;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;
use wachat::model::Fingerprint;

use crate::support::{NO_SETTINGS, PASSWORD, WACHAT, World};

/// Writes an authority, and a certificate that it has issued for a host, with its key; returns their paths.
fn issued_for(host: &str, directory: &Path) -> [String; 3] {
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority");
    let key = KeyPair::generate().expect("a key");
    let certificate = CertificateParams::new(vec![host.to_owned()]).expect("parameters");
    let certificate = certificate.signed_by(&key, &authority).expect("a certificate");
    let files = [("ca.pem", authority.pem()), ("cert.pem", certificate.pem()), ("key.pem", key.serialize_pem())];
    files.map(|(name, text)| {
        let path = directory.join(name);
        std::fs::write(&path, text).expect("a file");
        path.display().to_string()
    })
}

/// Sends a message on a machine whose only authority is this one; returns the exit code and what is said.
fn send(world: &World, authority: &str, known: &Path) -> (Option<i32>, String) {
    let mut command = Command::new(WACHAT);
    command.args(["send", "--user", "ana", "--tls", "ana", "hola", "--known-servers"]).arg(known);
    command.args(["--send-port", &world.send_port.to_string(), "--recv-port", &world.recv_port.to_string()]);
    command.arg("--home").arg(world.path("home")).env("SSL_CERT_FILE", authority).env_remove("SSL_CERT_DIR");
    command.env("WACHAT_PASSWORD", PASSWORD).env("WACHAT_CONFIG", NO_SETTINGS).env("LC_ALL", "C.UTF-8");
    let output = command.output().expect("it runs");
    (output.status.code(), String::from_utf8(output.stderr).expect("UTF-8"))
}

#[test]
fn an_authority_of_this_machine_counts_like_a_certificate_that_is_noted() {
    for (host, is_vouched) in [("127.0.0.1", true), ("chat.example", false)] {
        let directory = TempDir::new().expect("a directory");
        let [ca, cert, key] = issued_for(host, directory.path());
        let world = World::new(&["--cert", &cert, "--key", &key]);
        world.administer(&["user", "add", "ana"]);
        let known = world.path("known_servers");
        let other = TempDir::new().expect("a directory");
        let [other_ca, ..] = issued_for("127.0.0.1", other.path());
        // Not known yet: it is noted where nobody vouches.
        let (code, said) = send(&world, &ca, &known);
        assert_eq!((code, said.is_empty()), (Some(0), is_vouched), "for {host}: {said}");
        assert_eq!(known.exists(), !is_vouched, "for {host}");
        // Known by another certificate.
        let line = format!("127.0.0.1:{};{};2026-01-01T00:00:00.000Z\n", world.send_port, Fingerprint::of(b"another"));
        std::fs::write(&known, &line).expect("to write");
        let (code, said) = send(&world, &ca, &known);
        assert_eq!((code, said.is_empty()), (Some(if is_vouched { 0 } else { 3 }), is_vouched), "for {host}: {said}");
        let (code, said) = send(&world, &other_ca, &known);
        assert!(code == Some(3) && said.contains("HAS CHANGED"), "another authority: {said}");
        assert_eq!(std::fs::read_to_string(&known).expect("the file"), line);
    }
}
