//! The login lines of a device: with its password, with its key, and at a server that has no devices.

use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;
use wachat::client::link::account::Account;
use wachat::client::link::device::Device;
use wachat::client::link::error::LinkError;
use wachat::client::link::session::Session;
use wachat::model::{DeviceKey, DeviceName};

use super::script::{LOGIN, LOGIN_RECV, Script, play};

const DEVICE: &str = "> DEVICE:laptop:ana:palabra larga\n";
const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn open(directory: &Path) -> Device {
    Device::open(directory, DeviceName::new("laptop").as_ref(), false).expect("a device")
}

/// The account of a script, with the device of a directory.
fn account(script: &Script, directory: &Path) -> Account {
    Account { device: Some(Arc::new(open(directory))), ..script.account.clone() }
}

/// A directory whose device has a key.
fn with_key() -> TempDir {
    let directory = TempDir::new().expect("a directory");
    std::fs::write(directory.path().join("device.csv"), format!("wachat-client-device;1\nNAME;laptop\nKEY;{KEY}\n"))
        .expect("a file");
    directory
}

#[test]
fn a_device_logs_in_by_its_name_on_the_recv_port_and_by_login_on_the_other() {
    let directory = TempDir::new().expect("a directory");
    let script = play([format!("{DEVICE}< OK;ana;wachat/1;3;store;known\n>"), format!("{LOGIN}>")]);
    let account = account(&script, directory.path());
    drop(Session::open_recv(&account).expect("a session"));
    drop(Session::open(&account).expect("a connection"));
    script.end();
}

#[test]
fn at_a_server_without_devices_it_logs_in_without_a_name_from_then_on() {
    let directory = TempDir::new().expect("a directory");
    let refused = format!("{DEVICE}< KO;SYNTAX;x\n");
    let script = play([refused, format!("{LOGIN_RECV}>"), format!("{LOGIN_RECV}>")]);
    let account = account(&script, directory.path());
    for _ in 0..2 {
        let (_, opened) = Session::open_recv(&account).expect("a session");
        assert_eq!(opened.device, None);
    }
    script.end();
}

#[test]
fn a_new_account_is_made_before_its_device() {
    let directory = TempDir::new().expect("a directory");
    let script = play([
        format!("{DEVICE}< KO;AUTH;x\n"),
        "> LOGIN:ana:palabra larga\n< KO;AUTH;x\n".to_owned(),
        "> REGISTER:ana:palabra larga\n< OK;ana;wachat/1\n> QUIT\n".to_owned(),
        format!("{DEVICE}< OK;ana;wachat/1;0;store;new\n>"),
    ]);
    let account = Account { register: true, ..account(&script, directory.path()) };
    drop(Session::open_recv(&account).expect("a session"));
    script.end();
}

#[test]
fn a_device_with_a_key_sends_no_password_and_forgets_a_key_that_has_ended() {
    let directory = with_key();
    let key = format!("> KEY:laptop:ana:{KEY}\n");
    let script = play([
        format!("{key}< OK;ana;wachat/1;3;store;known\n>"),
        format!("{key}< OK;ana;wachat/1\n>"),
        format!("{key}< KO;FULL;x\n"),
        format!("{key}< KO;AUTH;x\n"),
    ]);
    let account = account(&script, directory.path());
    drop(Session::open_recv(&account).expect("a session"));
    drop(Session::open(&account).expect("a connection"));
    assert!(matches!(Session::open(&account), Err(LinkError::Away(_))), "a later try may succeed");
    assert_eq!(open(directory.path()).key(), DeviceKey::new(KEY));
    assert!(matches!(Session::open(&account), Err(LinkError::KeyEnded)));
    assert_eq!(open(directory.path()).key(), None);
    script.end();
}

#[test]
fn a_key_is_kept_and_not_used_at_a_server_without_devices() {
    let directory = with_key();
    let script = play([
        format!("> KEY:laptop:ana:{KEY}\n< KO;SYNTAX;x\n"),
        format!("{LOGIN}>"),
        format!("{LOGIN_RECV}>"),
        format!("{LOGIN}>"),
    ]);
    let account = account(&script, directory.path());
    let refused = Session::open(&account).err().expect("a refusal");
    assert!(matches!(refused, LinkError::NoDevices), "{refused}");
    assert_eq!(
        refused.to_string(),
        "this server has no devices: the password is needed; the key of this device is kept"
    );
    // From then on it is a client without a device.
    drop(Session::open(&account).expect("a connection"));
    let (_, opened) = Session::open_recv(&account).expect("a session");
    assert_eq!(opened.device, None);
    drop(Session::open(&account).expect("a connection"));
    // A server that is updated meanwhile takes the key at the next start.
    assert_eq!(open(directory.path()).key(), DeviceKey::new(KEY));
    script.end();
}

#[test]
fn a_device_keeps_its_name_and_another_name_has_no_part_in_the_key() {
    let directory = TempDir::new().expect("a directory");
    let unnamed = || Device::open(directory.path(), None, false).expect("a device");
    assert!(Device::open_existing(directory.path()).expect("no error").is_none());
    let name = unnamed().name().clone();
    assert_eq!(*unnamed().name(), name);
    assert_eq!(*Device::open_existing(directory.path()).expect("no error").expect("a device").name(), name);
    assert_ne!(Device::open(TempDir::new().expect("a directory").path(), None, false).expect("a device").name(), &name);
    let directory = with_key();
    let other = Device::open(directory.path(), DeviceName::new("lab").as_ref(), false).expect("a device");
    assert_eq!((other.name().as_str(), other.key()), ("lab", None));
}
