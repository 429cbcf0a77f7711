//! The door.

fn main() -> std::process::ExitCode {
    wachat::cli::run()
}
