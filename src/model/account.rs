//! An account that is to be created.

use std::sync::Arc;

use super::{Email, UserName};

/// An account that the administrator creates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAccount {
    pub name: UserName,
    pub password_hash: Arc<str>,
    pub email: Email,
}
