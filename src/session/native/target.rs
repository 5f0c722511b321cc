//! Whether a server is the one that `target_session_attrs` asks for (libpq documentation).
//!
//! It must never believe anything but the server's own settings.

use super::NativeSession;
use crate::conninfo::Target;
use crate::error::{Error, Result, Status};
use crate::session::Session;

/// An error if the session is not what is wanted.
pub(super) async fn check(session: &mut NativeSession, wanted: Target, place: &str) -> Result<()> {
    let (fits, is, words) = match wanted {
        Target::Any | Target::PreferStandby => return Ok(()),
        Target::ReadWrite => (!is_read_only(session).await?, "is read-only", "read-write"),
        Target::ReadOnly => (is_read_only(session).await?, "is not read-only", "read-only"),
        Target::Primary => (!is_standby(session).await?, "is a standby", "primary"),
        Target::Standby => (is_standby(session).await?, "is not a standby", "standby"),
    };
    if fits {
        return Ok(());
    }
    Err(Error::new(
        Status::WAL_E_NOT_READY,
        format!("{place} {is}, and target_session_attrs asks for one that is {words}"),
    )
    .with_hint("Name the other servers in host too, or correct target_session_attrs."))
}

async fn is_standby(session: &mut NativeSession) -> Result<bool> {
    is_on(session, "in_hot_standby", "SELECT pg_catalog.pg_is_in_recovery()").await
}

async fn is_read_only(session: &mut NativeSession) -> Result<bool> {
    let by_default = "default_transaction_read_only";
    Ok(is_on(session, by_default, "SHOW transaction_read_only").await? || is_standby(session).await?)
}

/// Servers from 14 on report these settings by themselves; what stands between may keep that back.
async fn is_on(session: &mut NativeSession, setting: &str, query: &str) -> Result<bool> {
    if let Some(value) = session.parameter(setting) {
        return Ok(value == "on");
    }
    let rows = session.query(query).await?.rows;
    let first = rows.first().and_then(|row| row.first()).and_then(|value| value.as_deref());
    Ok(matches!(first, Some("on" | "t")))
}
