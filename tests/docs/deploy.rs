//! `examples/deploy`: each file is on its page, the units are right for systemd, and their commands work. What needs a
//! program that is not here (systemd, logrotate) is skipped; the container is checked by its text alone.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::docs::page::{path, quoted, read};
use crate::support::clients::{all_output, exit_code};
use crate::support::{NO_SETTINGS, WACHAT, World};
use tempfile::TempDir;
use wachat::settings::SETTINGS;

const UNITS: [&str; 3] = ["wachat.service", "wachat-backup.service", "wachat-backup.timer"];

fn deploy(name: &str) -> String {
    read(&format!("examples/deploy/{name}"))
}

/// Returns the values of a key of a unit.
fn values<'a>(unit: &'a str, key: &str) -> Vec<&'a str> {
    unit.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('=')).collect()
}

fn is_installed(program: &str, argument: &str) -> bool {
    let there = Command::new(program).arg(argument).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !there {
        eprintln!("skipped: there is no {program} here");
    }
    there
}

#[test]
fn the_page_names_every_file() {
    let page = deploy("README.md");
    let files = std::fs::read_dir(path("examples/deploy")).expect("the folder").flatten();
    let names: Vec<_> = files.map(|file| file.file_name().into_string().expect("a name")).collect();
    assert!(names.len() > 7, "{names:?}");
    for name in names.iter().filter(|name| *name != "README.md") {
        assert!(page.contains(&format!("]({name})")), "the page does not name {name}");
    }
}

/// Additions to units, and where they belong: the second unit is that of etcd's package.
const DROP_INS: [(&str, &str); 2] =
    [("wachat-cluster.conf", "wachat.service.d/cluster.conf"), ("etcd.conf", "etcd.service.d/wachat.conf")];

#[test]
fn systemd_accepts_the_units_of_a_cluster() {
    if is_installed("systemd-analyze", "--version") {
        let (directory, _) = installed_units();
        let page = deploy("cluster.md");
        for (name, place) in DROP_INS {
            assert!(
                page.contains(&format!("[{name}]({name}) | `/etc/systemd/system/{place}`")),
                "{name} in cluster.md"
            );
            let place = directory.path().join(place);
            std::fs::create_dir(place.parent().expect("a folder")).expect("a folder");
            std::fs::write(place, deploy(name)).expect("to write");
        }
        let units = ["wachat.service", "etcd.service"].map(|unit| directory.path().join(unit));
        std::fs::write(&units[1], "[Service]\nExecStart=/bin/true\n").expect("to write");
        let verified =
            Command::new("systemd-analyze").args(["verify", "--man=no"]).args(units).output().expect("it runs");
        assert!(verified.status.success() && verified.stderr.is_empty(), "{}", all_output(&verified));
    }
}

/// Copies the units into a directory, with this program instead of the installed one.
fn installed_units() -> (TempDir, Vec<PathBuf>) {
    let directory = TempDir::new().expect("a directory");
    let install = |name: &&str| {
        let file = directory.path().join(name);
        std::fs::write(&file, deploy(name).replace("/usr/bin/wachat", WACHAT)).expect("to write");
        file
    };
    let files = UNITS.iter().map(install).collect();
    (directory, files)
}

#[test]
fn systemd_accepts_the_units() {
    if is_installed("systemd-analyze", "--version") {
        let (_directory, files) = installed_units();
        let verified =
            Command::new("systemd-analyze").args(["verify", "--man=no"]).args(files).output().expect("it runs");
        assert!(verified.status.success() && verified.stderr.is_empty(), "{}", all_output(&verified));
    }
}

/// systemd's own measure, from 0 to 10; it calls 2 and below safe or OK.
#[test]
fn the_services_may_do_little() {
    if is_installed("systemd-analyze", "--version") {
        let (_directory, files) = installed_units();
        for service in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "service")) {
            let arguments = ["security", "--no-pager", "--offline=true", "--threshold=20"];
            let measured = Command::new("systemd-analyze").args(arguments).arg(service).output().expect("it runs");
            assert!(measured.status.success(), "{}", all_output(&measured));
        }
    }
}

#[test]
fn the_service_of_the_server_is_hardened_and_restarted() {
    let unit = deploy("wachat.service");
    for (key, value) in [
        ("DynamicUser", "yes"),
        ("StateDirectory", "wachat"),
        ("ProtectSystem", "strict"),
        ("NoNewPrivileges", "yes"),
        ("SystemCallFilter", "@system-service"),
        ("Restart", "on-failure"),
        ("ExecReload", "/bin/kill -HUP $MAINPID"),
        ("CapabilityBoundingSet", ""),
    ] {
        assert!(values(&unit, key).contains(&value), "{key}={value}");
    }
    let files: usize = values(&unit, "LimitNOFILE")[0].parse().expect("a number");
    assert!(files >= wachat::limits::CONNECTIONS + wachat::limits::RESERVED_FILES, "{files} open files");
    let tasks: usize = values(&unit, "TasksMax")[0].parse().expect("a number");
    assert!(tasks >= wachat::limits::CONNECTIONS + 100, "{tasks} threads");
}

#[test]
fn its_options_are_settings_of_the_server() {
    let text = deploy("wachat.default");
    let names = text.lines().filter_map(|line| line.trim_start_matches('#').split_once('='));
    let names: Vec<_> = names.map(|(name, _)| name).filter(|name| name.starts_with("WACHAT_")).collect();
    assert!(names.len() > 3, "{names:?}");
    let page = deploy("README.md");
    let on_page = quoted(&page).into_iter().filter(|text| text.starts_with("WACHAT_"));
    let on_page: Vec<_> = on_page.filter_map(|text| text.split('=').next()).collect();
    let known: BTreeSet<_> = SETTINGS.iter().filter(|row| row.table == "serve").map(|row| row.environment()).collect();
    for name in names.into_iter().chain(on_page) {
        assert!(known.contains(name), "there is no {name}");
    }
}

/// Returns a unit's command with a directory instead of /var/lib.
pub fn exec_start(unit: &str, state: &Path) -> Vec<String> {
    let line = deploy(unit);
    let words = values(&line, "ExecStart")[0].split(' ');
    words.map(|word| word.replace("%S", state.to_str().expect("a path"))).collect()
}

fn run(command: &[String]) -> std::process::Output {
    assert_eq!(command[0], "/usr/bin/wachat");
    Command::new(WACHAT).args(&command[1..]).env("WACHAT_CONFIG", NO_SETTINGS).output().expect("it runs")
}

#[test]
fn the_command_of_the_backup_makes_one_of_the_store_of_the_server() {
    let state = TempDir::new().expect("a directory");
    let serve = exec_start("wachat.service", state.path());
    let data = &serve[serve.iter().position(|word| word == "--data").expect("--data") + 1];
    assert_eq!(&serve[..2], ["/usr/bin/wachat", "serve"]);
    let world = World::with_data(TempDir::new().expect("a directory"), Path::new(data), &[]);
    world.register("ana");
    let made = run(&exec_start("wachat-backup.service", state.path()));
    assert_eq!(exit_code(&made), 0, "{}", all_output(&made));
    let backups = std::fs::read_dir(state.path().join("wachat-backups")).expect("its folder").flatten();
    assert!(backups.into_iter().any(|entry| entry.path().join("backup.csv").exists()));
}

/// The words of the instructions of a Dockerfile, with their lines joined.
fn instructions() -> Vec<(String, String)> {
    let text = deploy("Dockerfile").replace("\\\n", " ");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.split_once(' '))
        .map(|(verb, rest)| (verb.to_owned(), rest.trim().to_owned()))
        .collect()
}

#[test]
fn the_container_runs_without_root_from_fixed_images_and_checks_its_health() {
    let all = instructions();
    let of =
        |verb: &str| all.iter().filter(|(found, _)| found == verb).map(|(_, rest)| rest.as_str()).collect::<Vec<_>>();
    let images = of("FROM");
    assert!(
        images.len() == 2 && images.iter().all(|image| image.contains(':') && !image.contains("latest")),
        "{images:?}"
    );
    let rust = read("Cargo.toml").lines().find_map(|line| line.strip_prefix("rust-version = ").map(str::to_owned));
    assert!(images[0].contains(&format!("rust:{}-", rust.expect("a version").trim_matches('"'))), "{images:?}");
    let user = of("USER");
    assert!(user.len() == 1 && !user[0].starts_with('0') && user[0] != "root", "{user:?}");
    assert_eq!((of("HEALTHCHECK").len(), of("STOPSIGNAL"), of("VOLUME")), (1, vec!["SIGTERM"], vec!["/data"]));
    for source in of("COPY").iter().filter(|rest| !rest.starts_with("--from")) {
        let mut words: Vec<_> = source.split(' ').collect();
        words.pop();
        words.iter().for_each(|name| assert!(path(name).exists(), "there is no {name}"));
    }
    let ignored = deploy("Dockerfile.dockerignore");
    assert!(
        of("COPY")
            .iter()
            .flat_map(|rest| rest.split(' '))
            .filter(|word| path(word).exists() && !word.starts_with('/'))
            .all(|word| word.starts_with('.') || ignored.contains(&format!("!{word}\n")))
    );
}

/// The command of the health check, beside a server that works and one that is gone.
#[test]
fn the_health_check_tells_whether_the_server_works() {
    let (_, check) = instructions().into_iter().find(|(verb, _)| verb == "HEALTHCHECK").expect("a check");
    let (_, check) = check.split_once("CMD ").expect("a command");
    let mut world = World::new(&[]);
    let healthy = |world: &World| {
        let check = check.replace("wachat status", &format!("{WACHAT} status"));
        let check = check.replace("/data/store", world.data().to_str().expect("a path"));
        let mut shell = Command::new("sh");
        shell.args(["-c", &check]).env("WACHAT_CONFIG", NO_SETTINGS).stdout(Stdio::null()).stderr(Stdio::null());
        shell.status().expect("a shell").success()
    };
    assert!(healthy(&world));
    world.kill();
    assert!(!healthy(&world));
}

#[test]
fn the_package_has_files_that_exist_and_pages_of_commands() {
    let manifest = read("Cargo.toml");
    let (_, package) = manifest.split_once("[package.metadata.deb]").expect("the package");
    let (package, _) = package.split_once("\n[").expect("its end");
    let sources: Vec<_> = package.lines().filter_map(|line| line.strip_prefix("    [\"")?.split('"').next()).collect();
    assert!(UNITS.iter().all(|unit| sources.contains(&format!("examples/deploy/{unit}").as_str())), "{sources:?}");
    for source in sources.iter().filter(|source| !source.starts_with("target/")) {
        assert!(path(source).is_file(), "there is no {source}");
    }
    let script = deploy("build-deb");
    let made = sources.iter().filter(|source| source.starts_with("target/deb/"));
    made.for_each(|source| assert!(script.contains(Path::new(source).parent().unwrap().to_str().unwrap()), "{source}"));
    let (_, commands) = script.split_once("for command in ").expect("the pages");
    for command in commands.split(';').next().expect("the commands").split(' ') {
        let page = Command::new(WACHAT).args(["man", command]).output().expect("it runs");
        assert_eq!(exit_code(&page), 0, "{command}: {}", all_output(&page));
    }
    let checked = Command::new("sh").arg("-n").arg(path("examples/deploy/build-deb")).output().expect("a shell");
    assert_eq!(exit_code(&checked), 0, "{}", all_output(&checked));
}

#[test]
fn logrotate_accepts_its_rules() {
    let rules = deploy("wachat.logrotate");
    // The server holds the file open and writes at its end.
    assert!(rules.contains("\n    copytruncate\n"));
    if is_installed("logrotate", "--version") {
        let directory = TempDir::new().expect("a directory");
        let state = TempDir::new().expect("a directory");
        let file = directory.path().join("rules");
        std::fs::write(&file, rules.replace("/var/log/wachat", directory.path().to_str().unwrap())).expect("to write");
        let mut logrotate = Command::new("logrotate");
        let said = logrotate.arg("--debug").arg("--state").arg(state.path().join("state")).arg(file).output().unwrap();
        assert!(said.status.success() && !all_output(&said).contains("error:"), "{}", all_output(&said));
    }
}
