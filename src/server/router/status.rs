//! The figures of `wachat status`.

use super::Router;
use crate::model::Timestamp;
use crate::protocol::Port;
use crate::protocol::control::Figure;
use crate::server::admin::log_level::log_level;
use crate::server::tls::ServerTls;

/// Returns the figures, in the order in which they are shown.
pub(crate) fn figures(router: &Router) -> impl Iterator<Item = Figure> {
    let logged_in = |port: Port| {
        let sessions = router.sessions.values().filter(|session| session.user().is_some());
        sessions.filter(|session| session.connection.port == port).count() as u64
    };
    let state = router.group_commit.state();
    let counts = router.batch_counts;
    let removed = state.accounts().filter(|row| row.removed_at.is_some()).count() as u64;
    let (closed_log, checkpoint) = router.group_commit.sizes_on_disk();
    let numbers = [
        ("uptime_seconds", router.elapsed().as_secs()),
        ("accounts", state.accounts().count() as u64 - removed),
        ("accounts_removed", removed),
        ("rooms", state.room_count() as u64),
        ("bans", state.bans.active(Timestamp::now()).count() as u64),
        ("last_number", state.last.get()),
        ("connections", router.sessions.len() as u64),
        ("sessions_send", logged_in(Port::Send)),
        ("sessions_recv", logged_in(Port::Recv)),
        ("queue_router", router.queue_length() as u64),
        ("queue_passwords", router.shared.auth.unfinished() as u64),
        ("batches", counts.batches),
        ("records", counts.records),
        ("records_largest_batch", counts.largest),
        ("log_closed_bytes", closed_log),
        ("checkpoint_bytes", checkpoint),
    ];
    let certificate = router.shared.tls.as_ref().map(ServerTls::info);
    let days = certificate.and_then(|info| info.expires_in).map(|left| (left.as_secs() / 86_400).to_string());
    let mut words = vec![
        ("certificate", certificate.map_or("none".to_owned(), |info| info.fingerprint.to_string())),
        ("certificate_days", days.unwrap_or_default()),
        ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ("store", state.store.to_string()),
        ("log_level", log_level().to_string().to_lowercase()),
    ];
    if let Some(cluster) = &router.cluster {
        words.extend(cluster.figures(&router.shared.servers.lock()));
    }
    let words = words.into_iter().map(|(name, value)| Figure { name: name.into(), value: value.into() });
    words.chain(numbers.into_iter().map(|(name, value)| Figure { name: name.into(), value: value.to_string().into() }))
}
