//! The calls of etcd that a cluster needs. Each returns by its deadline.

use std::sync::Arc;
use std::thread;
use std::time::Instant;

use serde_json::{Value, json};

use super::endpoints::{Access, Call, Endpoints};
use super::failure::{EtcdError, Failure};
use super::json::{Done, Lease, Pair, RangeAnswer, Status, Streamed, TransactionAnswer, encode};
use super::url::ClusterUrl;

/// A client of etcd. Its clones share the connections, the token, and the endpoint that is asked first.
#[derive(Clone)]
pub struct Etcd(Arc<Endpoints>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyValue {
    pub key: String,
    pub value: Vec<u8>,
    /// Revision of the transaction that made the key.
    pub create_revision: i64,
    /// Revision of the last transaction that put it.
    pub mod_revision: i64,
}

/// Keys of a range, as of one revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    /// Ascending by key.
    pub values: Vec<KeyValue>,
    /// The range has keys beyond the limit.
    pub more: bool,
    pub revision: i64,
}

/// The outcome of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transacted {
    /// Every comparison held, and all operations were carried out; otherwise none was.
    pub succeeded: bool,
    pub revision: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberStatus {
    pub version: String,
    /// Size of the member's database file: it is what the quota bounds.
    pub db_bytes: u64,
}

/// A condition of a transaction: that two values are equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compare {
    /// Revision that made the key; 0: there is no such key.
    CreateRevision(String, i64),
    ModRevision(String, i64),
    Value(String, Vec<u8>),
}

/// A change of a transaction. etcd refuses two that touch the same key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// `lease`: the key goes with it; 0: with none.
    Put {
        key: String,
        value: Vec<u8>,
        lease: i64,
    },
    /// Deletes the keys from `from`, and before `end`.
    DeleteRange {
        from: String,
        end: String,
    },
    Delete(String),
}

impl Etcd {
    /// Connects to nothing yet. Refused: the file of the authorities is no good.
    pub fn new(url: &ClusterUrl, access: Access) -> Result<Self, EtcdError> {
        Ok(Self(Arc::new(Endpoints::new(url, access)?)))
    }

    /// Reads the key `from`, or the keys from it and before `end`, at most `limit` (0: all). The read is linearizable.
    /// The answer has to fit into [`super::ANSWER_BYTES`]: a longer one is Unknown, however often it is asked for.
    pub fn range(&self, from: &str, end: Option<&str>, limit: u64, deadline: Instant) -> Result<Range, EtcdError> {
        let mut question = json!({ "key": encode(from), "limit": limit.to_string() });
        if let Some(end) = end {
            question["range_end"] = encode(end).into();
        }
        let answer: RangeAnswer = self.0.request("/v3/kv/range", &question, deadline)?;
        let values = answer.kvs.into_iter().map(to_key_value).collect::<Result<_, _>>()?;
        Ok(Range { values, more: answer.more, revision: answer.header.revision })
    }

    /// Carries out all operations if every comparison holds.
    pub fn transact(
        &self,
        compares: &[Compare],
        then: &[Operation],
        deadline: Instant,
    ) -> Result<Transacted, EtcdError> {
        let compares: Vec<_> = compares.iter().map(compare_form).collect();
        let then: Vec<_> = then.iter().map(operation_form).collect();
        let question = json!({ "compare": compares, "success": then });
        let answer: TransactionAnswer = self.0.request("/v3/kv/txn", &question, deadline)?;
        Ok(Transacted { succeeded: answer.succeeded, revision: answer.header.revision })
    }

    /// Makes a lease of this many seconds, and returns its id. etcd makes one that is shorter than one and a half
    /// time-outs of its elections as long as that.
    pub fn grant_lease(&self, seconds: i64, deadline: Instant) -> Result<i64, EtcdError> {
        let question = json!({ "TTL": seconds.to_string() });
        let lease: Lease = self.0.request("/v3/lease/grant", &question, deadline)?;
        Ok(lease.id)
    }

    /// Makes a lease last its whole time again. False: it has ended, and its keys are gone.
    pub fn keep_lease(&self, lease: i64, deadline: Instant) -> Result<bool, EtcdError> {
        let question = json!({ "ID": lease.to_string() });
        match self.0.request("/v3/lease/keepalive", &question, deadline)? {
            Streamed::Result(Lease { seconds, .. }) => Ok(seconds > 0),
            Streamed::Error(refusal) => Err(refusal.into_failure("etcd").into()),
        }
    }

    /// Ends a lease, and deletes its keys. One that has ended is no error.
    pub fn revoke_lease(&self, lease: i64, deadline: Instant) -> Result<(), EtcdError> {
        let question = json!({ "ID": lease.to_string() });
        match self.0.request::<Done>("/v3/lease/revoke", &question, deadline) {
            Err(Failure::Refused(refusal)) if refusal.is_not_found() => Ok(()),
            done => Ok(done.map(drop)?),
        }
    }

    /// Forgets what keys were before a revision. Refused: that is done already, or the revision is yet to come.
    pub fn compact(&self, revision: i64, deadline: Instant) -> Result<(), EtcdError> {
        let question = json!({ "revision": revision.to_string() });
        Ok(self.0.request::<Done>("/v3/kv/compaction", &question, deadline).map(drop)?)
    }

    /// Asks every endpoint for its status, all at once.
    pub fn status(&self, deadline: Instant) -> Vec<(String, Result<MemberStatus, EtcdError>)> {
        let urls = self.0.urls();
        thread::scope(|scope| {
            let ask = |index| move || self.status_of(index, deadline);
            let spawn = |index| thread::Builder::new().name("etcd status".to_owned()).spawn_scoped(scope, ask(index));
            let asked: Vec<_> = (0..urls.len()).map(spawn).collect();
            let answers = asked.into_iter().map(|thread| match thread.map(|thread| thread.join()) {
                Ok(Ok(status)) => status,
                _ => Err(EtcdError::Unknown("there is no thread to ask it".to_owned())),
            });
            urls.iter().cloned().zip(answers).collect()
        })
    }

    fn status_of(&self, index: usize, deadline: Instant) -> Result<MemberStatus, EtcdError> {
        let call = Call { index, path: "/v3/maintenance/status", question: "{}", deadline, share: 1 };
        let Status { version, db_bytes } = self.0.request_at(&call)?;
        Ok(MemberStatus { version, db_bytes: u64::try_from(db_bytes).unwrap_or(0) })
    }
}

fn to_key_value(pair: Pair) -> Result<KeyValue, EtcdError> {
    let Pair { key, value, create_revision, mod_revision } = pair;
    let strange = |_| EtcdError::Unknown("etcd has a key that is no text: who else writes there?".to_owned());
    Ok(KeyValue { key: String::from_utf8(key).map_err(strange)?, value, create_revision, mod_revision })
}

fn compare_form(compare: &Compare) -> Value {
    let (key, target, field, value) = match compare {
        Compare::CreateRevision(key, revision) => (key, "CREATE", "create_revision", revision.to_string()),
        Compare::ModRevision(key, revision) => (key, "MOD", "mod_revision", revision.to_string()),
        Compare::Value(key, value) => (key, "VALUE", "value", encode(value)),
    };
    json!({ "key": encode(key), "target": target, "result": "EQUAL", field: value })
}

fn operation_form(operation: &Operation) -> Value {
    match operation {
        Operation::Put { key, value, lease } => {
            json!({ "request_put": { "key": encode(key), "value": encode(value), "lease": lease.to_string() } })
        }
        Operation::DeleteRange { from, end } => {
            json!({ "request_delete_range": { "key": encode(from), "range_end": encode(end) } })
        }
        Operation::Delete(key) => json!({ "request_delete_range": { "key": encode(key) } }),
    }
}
