//! The records of the write-ahead logs, of the server and of the client: each kind is read back as it was written.

use proptest::prelude::*;
use wachat::client::state::conversation::Complete;
use wachat::client::state::outgoing::Outgoing;
use wachat::client::state::record::Record as ClientRecord;
use wachat::client::state::record::Switch;
use wachat::client::state::row::Gap;
use wachat::cluster::{EntryHash, EntryHead};
use wachat::model::{Banned, Email, KeyDigest, Seq, ShortText, Text};
use wachat::protocol::Codec as _;
use wachat::record::Fields;
use wachat::state_machine::{AccountNumber, Acknowledgement, ConversationId, DeviceNumber, Record};

use super::{device, id, line, message, name, room, room_kind, seq, state, target, text, time, topic};

/// Defines a function that returns a generator of records, one of each kind. A kind that is missing here does not
/// compile.
macro_rules! one_of_each_kind {
    ($function:ident: $record:ty, $($pattern:pat => $strategy:expr,)*) => {
        fn $function() -> impl Strategy<Value = Vec<$record>> {
            vec![$($strategy.prop_filter("another kind", |record| matches!(record, $pattern)).boxed()),*]
        }

        const _: fn($record) = |record| match record {
            $($pattern => {})*
        };
    };
}

fn email() -> impl Strategy<Value = Email> {
    prop::sample::select(vec!["", "ana@example.org", "a;b\"c@x"]).prop_map(|text| Email::new(text).unwrap())
}

fn banned() -> impl Strategy<Value = Banned> {
    let network = prop::sample::select(vec!["192.0.2.7", "10.0.0.0/8", "2001:db8::7", "::/0"]);
    let network = network.prop_map(|text| Banned::parse(text).unwrap());
    prop_oneof![name().prop_map(Banned::User), network]
}

fn short_text() -> impl Strategy<Value = ShortText> {
    prop::sample::select(vec!["", "spam", "a;b", "\"quoted\"; \\"]).prop_map(|text| ShortText::new(text).unwrap())
}

fn account() -> impl Strategy<Value = AccountNumber> {
    (0..5u32).prop_map(|number| match ConversationId::parse(&format!("direct-{number}-{number}")) {
        Some(ConversationId::Direct(account, _)) => account,
        other => panic!("{other:?}"),
    })
}

/// Few numbers and accounts: many neighbours, which are written as ranges.
fn acknowledged() -> impl Strategy<Value = Vec<Acknowledgement>> {
    let number = (0..3u64).prop_map(|number| Seq::new(number).unwrap());
    let one = (number, device_number(), account());
    prop::collection::vec(one.prop_map(|(upto, device, user)| Acknowledgement { upto, device, user }), 1..20)
}

fn device_number() -> impl Strategy<Value = DeviceNumber> {
    (0..=8u8).prop_map(|number| DeviceNumber::parse(&number.to_string()).unwrap())
}

fn key_digest() -> impl Strategy<Value = KeyDigest> {
    (name(), device(), text()).prop_map(|(user, device, key)| KeyDigest::of("store", &user, &device, &key))
}

/// A password hash has no control characters.
fn hash() -> impl Strategy<Value = String> {
    text().prop_map(|text| text.chars().filter(|c| !c.is_control()).collect())
}

fn outgoing() -> impl Strategy<Value = Outgoing> {
    (id(), target(), time(), text()).prop_map(|(id, to, at, text)| Outgoing {
        id,
        to,
        at,
        text: Text::new(&text).unwrap(),
    })
}

fn conversation_id() -> impl Strategy<Value = ConversationId> {
    (0..9u32, prop::option::of(0..9u32)).prop_map(|(low, other)| {
        let name = other.map_or(format!("room-{low}"), |other| format!("direct-{low}-{other}"));
        ConversationId::parse(&name).expect("a conversation")
    })
}

fn entry_head() -> impl Strategy<Value = EntryHead> {
    (any::<u64>(), any::<u64>(), any::<i64>(), time(), any::<u64>(), any::<[u8; 32]>()).prop_map(
        |(format, number, epoch, time, bytes, before)| {
            let before: String = before.iter().map(|byte| format!("{byte:02x}")).collect();
            let before = EntryHash::parse(&before).expect("a hash");
            EntryHead { format, number, epoch, time, bytes, before }
        },
    )
}

one_of_each_kind! { server_records: Record,
    Record::Entry(_) => entry_head().prop_map(Record::Entry),
    Record::Account { .. } => (name(), hash(), time()).prop_map(|(name, hash, at)| {
        Record::Account { name, password_hash: hash.into(), at }
    }),
    Record::Password { .. } => (name(), hash()).prop_map(|(user, hash)| {
        Record::Password { user, password_hash: hash.into() }
    }),
    Record::Email { .. } => (name(), email()).prop_map(|(user, email)| Record::Email { user, email }),
    Record::Removed { .. } => (name(), time()).prop_map(|(user, at)| Record::Removed { user, at }),
    Record::Join { .. } => (name(), room(), time()).prop_map(|(user, room, at)| Record::Join { user, room, at }),
    Record::Leave { .. } => (name(), room(), time()).prop_map(|(user, room, at)| Record::Leave { user, room, at }),
    Record::RoomKind { .. } => (room(), room_kind()).prop_map(|(room, kind)| Record::RoomKind { room, kind }),
    Record::Topic { .. } => (room(), topic()).prop_map(|(room, topic)| Record::Topic { room, topic }),
    Record::Invited { .. } => (room(), name()).prop_map(|(room, user)| Record::Invited { room, user }),
    Record::Kicked { .. } => (room(), name(), time()).prop_map(|(room, user, at)| Record::Kicked { room, user, at }),
    Record::Owner { .. } => (room(), name()).prop_map(|(room, user)| Record::Owner { room, user }),
    Record::Banned { .. } => (banned(), time(), prop::option::of(time()), short_text()).prop_map(
        |(banned, at, until, reason)| Record::Banned { banned, at, until, reason },
    ),
    Record::Unbanned { .. } => banned().prop_map(|banned| Record::Unbanned { banned }),
    Record::RoomRemoved { .. } => (room(), time()).prop_map(|(room, at)| Record::RoomRemoved { room, at }),
    Record::Seen { .. } => (name(), device_number(), time()).prop_map(|(user, device, at)| {
        Record::Seen { user, device, at }
    }),
    Record::Device { .. } => (name(), device_number(), device(), time()).prop_map(|(user, number, name, at)| {
        let name = Some(name).filter(|_| number.is_named());
        Record::Device { user, device: number, name, at }
    }),
    Record::DeviceLost { .. } => (name(), device_number()).prop_map(|(user, device)| {
        Record::DeviceLost { user, device }
    }),
    Record::DeviceForgotten { .. } => (name(), device_number()).prop_map(|(user, device)| {
        Record::DeviceForgotten { user, device }
    }),
    Record::Looked { .. } => time().prop_map(|at| Record::Looked { at }),
    Record::DeviceKey { .. } => (name(), device_number(), prop::option::of(key_digest())).prop_map(
        |(user, device, key)| Record::DeviceKey { user, device, key },
    ),
    Record::Permit { .. } => (name(), name(), any::<bool>()).prop_map(|(user, caller, permitted)| {
        Record::Permit { user, caller, permitted }
    }),
    Record::Message(_) => message().prop_map(Record::Message),
    Record::Erased { .. } => (conversation_id(), name(), seq(), seq(), any::<u64>()).prop_map(
        |(conversation, from, first, last, rows)| Record::Erased { conversation, from, first, last, rows },
    ),
    Record::Acknowledged { .. } => (acknowledged(), time()).prop_map(|(users, at)| Record::Acknowledged { users, at }),
    Record::Read { .. } => (name(), target(), seq(), prop::option::of(1..1u64 << 53), time()).prop_map(
        |(user, target, upto, last, at)| Record::Read { user, target, upto, last_of_peer: last.and_then(Seq::new), at },
    ),
}

one_of_each_kind! { client_records: ClientRecord,
    ClientRecord::Queued(_) => outgoing().prop_map(ClientRecord::Queued),
    ClientRecord::Tried { .. } => (id(), seq()).prop_map(|(id, above)| ClientRecord::Tried { id, above }),
    ClientRecord::Sent { .. } => (id(), seq(), time()).prop_map(|(id, seq, at)| ClientRecord::Sent { id, seq, at }),
    ClientRecord::Failed { .. } => (id(), text()).prop_map(|(id, why)| ClientRecord::Failed { id, why }),
    ClientRecord::Device(_) => device().prop_map(ClientRecord::Device),
    ClientRecord::Moved(_) => id().prop_map(ClientRecord::Moved),
    ClientRecord::Received(_) => message().prop_map(ClientRecord::Received),
    ClientRecord::Fetched(_) => message().prop_map(ClientRecord::Fetched),
    ClientRecord::Missed(_) => message().prop_map(ClientRecord::Missed),
    ClientRecord::Direct(_) => message().prop_map(|mut message| {
        std::sync::Arc::make_mut(&mut message).seq = Seq::ZERO;
        ClientRecord::Direct(message)
    }),
    ClientRecord::State { .. } => (seq(), target(), state(), seq(), time()).prop_map(|(seq, target, state, upto, at)| {
        ClientRecord::State { seq, target, state, upto, at }
    }),
    ClientRecord::Shown(_) => any::<u64>().prop_map(ClientRecord::Shown),
    ClientRecord::Seen { .. } => (target(), seq()).prop_map(|(target, upto)| ClientRecord::Seen { target, upto }),
    ClientRecord::Ignored(..) => (name(), any::<bool>()).prop_map(|(user, yes)| ClientRecord::Ignored(user, yes)),
    ClientRecord::Muted(..) => (target(), any::<bool>()).prop_map(|(target, yes)| ClientRecord::Muted(target, yes)),
    ClientRecord::Filled(_) => (target(), seq(), seq()).prop_map(|(target, first, last)| {
        ClientRecord::Filled(Gap { target, first, last })
    }),
    ClientRecord::Set(..) => any::<bool>().prop_map(|on| ClientRecord::Set(Switch::Quiet, on)),
    ClientRecord::Gap(_) => (target(), seq(), seq()).prop_map(|(target, first, last)| {
        ClientRecord::Gap(Gap { target, first, last })
    }),
    ClientRecord::Complete(..) => (target(), seq(), seq(), seq()).prop_map(|(target, upto, count, erased)| {
        ClientRecord::Complete(target, Complete { upto, count: count.get(), erased: Some(erased.get()) })
    }),
    ClientRecord::Cleaned => Just(ClientRecord::Cleaned),
    ClientRecord::Erased { .. } => (target(), seq(), seq(), name(), any::<bool>()).prop_map(
        |(target, first, last, from, is_event)| ClientRecord::Erased { rows: Gap { target, first, last }, from, is_event }
    ),
    ClientRecord::Emptied { .. } => (target(), name(), id()).prop_map(|(target, from, id)| {
        ClientRecord::Emptied { target, from, id }
    }),
    ClientRecord::Reached { .. } => (target(), state(), seq()).prop_map(|(target, state, upto)| {
        ClientRecord::Reached { target, state, upto }
    }),
    ClientRecord::Newest(_) => seq().prop_map(ClientRecord::Newest),
    ClientRecord::Position { .. } => (text(), seq()).prop_map(|(store, last)| ClientRecord::Position { store, last }),
}

/// Returns the number that a record's line begins with: a message's own, any other one for the rest.
fn number_of(record: &Record, any: Seq) -> Seq {
    match record {
        Record::Message(message) => message.seq,
        _ => any,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn records_of_every_kind_of_the_server_are_read_back(records in server_records(), any in seq()) {
        for record in records {
            let last = number_of(&record, any);
            prop_assert_eq!(Record::parse(&line(|out| record.write(last, out))), Some((last, record)));
        }
    }

    #[test]
    fn records_of_every_kind_of_the_client_are_read_back(records in client_records()) {
        for record in records {
            let written = line(|out| record.write(out));
            prop_assert_eq!(ClientRecord::from_fields(&Fields::parse(&written).unwrap()), Some(record));
        }
    }
}
