//! The forms of etcd's v3 JSON gateway: bytes are base64, 64-bit numbers are texts, and a field that is zero is missing.
//! A field whose zero would mean something is never missing here: an answer without it is not etcd's.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::failure::Refusal;

/// Returns the base64 form of bytes.
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}

#[derive(Deserialize)]
pub struct Header {
    #[serde(deserialize_with = "number")]
    pub revision: i64,
}

/// The part that every answer has.
#[derive(Deserialize)]
pub struct Done {
    #[serde(rename = "header")]
    _header: Header,
}

#[derive(Deserialize)]
pub struct RangeAnswer {
    pub header: Header,
    #[serde(default)]
    pub kvs: Vec<Pair>,
    #[serde(default)]
    pub more: bool,
}

#[derive(Deserialize)]
pub struct Pair {
    #[serde(deserialize_with = "bytes")]
    pub key: Vec<u8>,
    #[serde(default, deserialize_with = "bytes")]
    pub value: Vec<u8>,
    #[serde(deserialize_with = "number")]
    pub create_revision: i64,
    #[serde(deserialize_with = "number")]
    pub mod_revision: i64,
}

#[derive(Deserialize)]
pub struct TransactionAnswer {
    pub header: Header,
    #[serde(default)]
    pub succeeded: bool,
}

#[derive(Deserialize)]
pub struct Lease {
    #[serde(rename = "ID", deserialize_with = "number")]
    pub id: i64,
    /// Seconds until it ends; none: it has ended.
    #[serde(rename = "TTL", default, deserialize_with = "number")]
    pub seconds: i64,
}

/// One answer of a stream.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Streamed<T> {
    Result(T),
    Error(Refusal),
}

#[derive(Deserialize)]
pub struct Token {
    pub token: String,
}

#[derive(Deserialize)]
pub struct Status {
    pub version: String,
    #[serde(rename = "dbSize", deserialize_with = "number")]
    pub db_bytes: i64,
}

fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Form {
        Text(String),
        Number(i64),
    }
    match Form::deserialize(deserializer)? {
        Form::Text(text) => text.parse().map_err(D::Error::custom),
        Form::Number(number) => Ok(number),
    }
}

fn bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    STANDARD.decode(String::deserialize(deserializer)?).map_err(D::Error::custom)
}
