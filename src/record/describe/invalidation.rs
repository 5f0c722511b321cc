//! Invalidation messages, which several managers have (`standby_desc_invalidations`).

use super::fields::Fields;
use super::text::Text;

/// How long a message is (`SharedInvalidationMessage`).
const MESSAGE: usize = 16;

/// Where the messages are of, and whether they end the file of a database's cached relations.
#[derive(Clone, Copy, Debug, Default)]
pub struct Of {
    pub database: u32,
    pub tablespace: u32,
    pub ends_init_file: bool,
}

/// Tells of messages, and takes them off the front of the fields.
pub fn describe(fields: &mut Fields<'_>, count: usize, of: Of, out: &mut Text<'_>) -> Option<()> {
    if count == 0 {
        return Some(());
    }
    if of.ends_init_file {
        out.str("; relcache init file inval dbid ").number(of.database.into());
        out.str(" tsid ").number(of.tablespace.into());
    }
    out.str("; inval msgs:");
    for message in fields.rows(count, MESSAGE)? {
        let id = message.u8(0)?.cast_signed();
        let object = message.u32(8)?;
        match id {
            0.. => out.str(" catcache ").number(id.unsigned_abs().into()),
            -1 => out.str(" catalog ").number(object.into()),
            -2 => out.str(" relcache ").number(object.into()),
            -3 => out.str(" smgr"),
            -4 => out.str(" relmap db ").number(message.u32(4)?.into()),
            -5 => out.str(" snapshot ").number(object.into()),
            -6 => out.str(" relsync ").number(object.into()),
            _ => out.str(" unrecognized id ").signed(id.into()),
        };
    }
    Some(())
}
