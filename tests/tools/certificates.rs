//! The file of `serve --cert`: the authorities after the server's own certificate are shown to clients, and its own
//! end alone is told.

use std::io::Write as _;
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tempfile::TempDir;
use wachat::model::Fingerprint;
use wachat::net::Identity;

use crate::support::clients::exit_code;
use crate::support::metrics::{Page, world_with_metrics};
use crate::support::tls::secure;
use crate::support::{World, send_signal, wait_until};

const DAY: u64 = 86_400;

/// A root, authorities between, and a certificate for this machine.
struct Chain {
    directory: TempDir,
    /// The server's own, then that of the authority that has signed it, and so on; without the root.
    certificates: Vec<String>,
}

/// The parameters of a certificate that ends in this many days.
fn ends_in(days: u64, name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("parameters");
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_after = (SystemTime::now() + Duration::from_secs(days * DAY)).into();
    params
}

fn authority(days: u64, name: &str) -> CertificateParams {
    let mut params = ends_in(days, name);
    params.subject_alt_names.clear();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

impl Chain {
    /// The days of the server's certificate, and those of the authorities after it.
    fn new(own: u64, authorities: &[u64]) -> Self {
        let directory = TempDir::new().expect("a directory");
        let make = || KeyPair::generate().expect("a key");
        let mut issuer = CertifiedIssuer::self_signed(authority(4_000, "root"), make()).expect("a root");
        std::fs::write(directory.path().join("root.pem"), issuer.pem()).expect("a file");
        let mut certificates = Vec::new();
        for (number, days) in authorities.iter().enumerate().rev() {
            let params = authority(*days, &format!("authority {number}"));
            issuer = CertifiedIssuer::signed_by(params, make(), &issuer).expect("an authority");
            certificates.insert(0, issuer.pem());
        }
        let key = make();
        let certificate = ends_in(own, "server").signed_by(&key, &issuer).expect("a certificate");
        certificates.insert(0, certificate.pem());
        std::fs::write(directory.path().join("key.pem"), key.serialize_pem()).expect("a file");
        Self { directory, certificates }
    }

    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }

    /// Writes the server's file, without one of its certificates; returns the options that name it.
    fn options(&self, without: Option<usize>) -> [String; 4] {
        let shown = self.certificates.iter().enumerate().filter(|(number, _)| Some(*number) != without);
        let text: String = shown.map(|(_, pem)| pem.as_str()).collect();
        std::fs::write(self.path("cert.pem"), text).expect("a file");
        ["--cert".to_owned(), self.path("cert.pem"), "--key".to_owned(), self.path("key.pem")]
    }
}

/// Connects with the root as the only authority; returns the exit code and what is said.
fn connects(chain: &Chain, without: Option<usize>) -> (i32, String) {
    let options = chain.options(without);
    let world = World::new(&options.each_ref().map(String::as_str));
    let output = world.pipe("ana", "@ana: hola\n", &["--register", "--ca", &chain.path("root.pem")]);
    (exit_code(&output), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_chain_of_any_length_leads_to_the_root_and_none_of_it_may_be_missing() {
    for length in 0..=3 {
        let chain = Chain::new(300, &vec![900; length]);
        assert_eq!(connects(&chain, None), (0, String::new()), "{length} authorities");
        for missing in 1..=length {
            let (code, said) = connects(&chain, Some(missing));
            assert!(code == 3 && said.contains("no authority of --ca vouches"), "{missing} of {length}: {said}");
        }
    }
}

/// After each SIGHUP: the status, the metric and the warning are about the certificate that connections are shown.
#[test]
fn what_is_told_after_a_renewal_is_of_the_certificate_that_is_shown() {
    let files = Chain::new(5, &[]);
    let options = files.options(None);
    let (world, metrics) = world_with_metrics(&options.each_ref().map(String::as_str));
    // The first certificate's own warning is logged once the server is ready.
    let mut warnings = 1;
    wait_until("the first warning", || world.log().matches("renew it").count() == warnings);
    for own in [300, 10, 40, 3] {
        let new = Chain::new(own, &[900]);
        new.options(None);
        for name in ["cert.pem", "key.pem"] {
            std::fs::copy(new.path(name), files.path(name)).expect("a copy");
        }
        send_signal(world.pid(), "HUP");
        let shown = || {
            let socket = secure(TcpStream::connect(world.send).expect("a connection")).expect("TLS");
            Fingerprint::of(&socket.peer_certificates()[0]).to_string()
        };
        let made = CertificateDer::from_pem_slice(new.certificates[0].as_bytes()).expect("a certificate");
        wait_until("the new certificate", || shown() == Fingerprint::of(&made).to_string());
        let days = (own - 1).to_string();
        let status = world.administer(&["status"]);
        for (name, value) in [("certificate", &shown()), ("certificate_days", &days)] {
            let told = |line: &str| line.split_whitespace().eq([name, value]);
            assert!(status.lines().any(told), "{own} days, {name}: {status}");
        }
        let left = Page::read(metrics).value("wachat_certificate_expiry_seconds");
        assert!(((own - 1) * DAY) as f64 <= left && left <= (own * DAY) as f64, "{own} days: {left}");
        // The warning is logged after the exchange of the certificates.
        warnings += usize::from(own < 14);
        wait_until("the warning", || world.log().matches("renew it").count() >= warnings);
        assert_eq!(world.log().matches("renew it").count(), warnings, "{own} days: {}", world.log());
    }
}

#[test]
fn the_end_that_is_told_is_that_of_the_servers_own_certificate() {
    for (own, authorities) in
        [(5, &[][..]), (5, &[900]), (5, &[900, 40]), (20, &[900]), (20, &[5]), (900, &[20, 5]), (900, &[5, 1_000])]
    {
        let chain = Chain::new(own, authorities);
        let options = chain.options(None);
        let (world, metrics) = world_with_metrics(&options.each_ref().map(String::as_str));
        let what = format!("{own} days, authorities {authorities:?}");
        // The last day has begun.
        let days = (own - 1).to_string();
        let status = world.administer(&["status"]);
        let told = |line: &str| line.split_whitespace().eq(["certificate_days", &days]);
        assert!(status.lines().any(told), "{what}: {status}");
        let left = Page::read(metrics).value("wachat_certificate_expiry_seconds");
        assert!(((own - 1) * DAY) as f64 <= left && left <= (own * DAY) as f64, "{what}: {left}");
        // It is renewed within two weeks of its end.
        assert_eq!(world.log().contains("renew it and send SIGHUP"), own < 14, "{what}: {}", world.log());
    }
}

/// Makes a certificate that ends at a time; returns its PEM text and its identity.
fn ending_at(end: SystemTime) -> (String, Identity) {
    let directory = TempDir::new().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    let mut params = ends_in(1, "server");
    params.not_before = SystemTime::UNIX_EPOCH.into();
    params.not_after = end.into();
    let key = KeyPair::generate().expect("a key");
    let pem = params.self_signed(&key).expect("a certificate").pem();
    std::fs::write(path("cert.pem"), &pem).expect("a file");
    std::fs::write(path("key.pem"), key.serialize_pem()).expect("a file");
    (pem, Identity::read(&path("cert.pem"), &path("key.pem")).expect("a certificate"))
}

/// Both forms of a date: with two digits of the year up to 2049, with four from then on. What openssl says of the same
/// certificate is compared where it is installed.
#[test]
fn the_end_of_a_certificate_is_read_to_the_second() {
    let in_2049 = 2_524_607_999;
    for seconds in [1_999_999_999, in_2049 - 86_400 * 31, in_2049, in_2049 + 1, 4_102_444_799, 253_402_200_000] {
        let end = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let (pem, identity) = ending_at(end);
        let before = SystemTime::now();
        let told = identity.expires_in().expect("an end");
        assert!(before + told <= end && SystemTime::now() + told >= end, "{seconds}: {told:?}");
        let days = seconds.saturating_sub(before.duration_since(SystemTime::UNIX_EPOCH).expect("a time").as_secs());
        for (seconds_more, is_valid) in [(days - 60, true), (days + 60, false)] {
            let Some(said) = openssl_says_valid_in(&pem, seconds_more) else { continue };
            assert_eq!(said, is_valid, "{seconds}: openssl");
        }
    }
    // The last second of 9999 stands for no end.
    let none = ending_at(SystemTime::UNIX_EPOCH + Duration::from_secs(253_402_300_799)).1.expires_in();
    assert!(none.is_some_and(|left| left.as_secs() > 7_000 * 365 * DAY), "{none:?}");
    // It has ended.
    assert_eq!(ending_at(SystemTime::UNIX_EPOCH + Duration::from_secs(1)).1.expires_in(), Some(Duration::ZERO));
}

/// Asks openssl whether a certificate is still valid a number of seconds from now. `None`: it is not installed, or takes no number so large.
fn openssl_says_valid_in(pem: &str, seconds: u64) -> Option<bool> {
    i32::try_from(seconds).ok()?;
    let mut openssl = Command::new("openssl")
        .args(["x509", "-noout", "-checkend", &seconds.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    openssl.stdin.take()?.write_all(pem.as_bytes()).ok()?;
    Some(openssl.wait().ok()?.success())
}
