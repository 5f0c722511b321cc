//! What can be done to publications over a connection.

use std::time::{Duration, Instant};

use super::Next;
use super::connection::{Connection, deadline};
use super::slots::answer;
use crate::conninfo::nearest_name;
use crate::error::{Error, Result, Status};
use crate::stream::{
    Publication, PublishedTable, Which, create_publication, drop_publication, explain_publication,
    publications_query, tables_query,
};

impl Connection {
    /// Makes a publication of a list of tables as SQL writes it.
    pub fn create_publication(
        &mut self,
        name: &str,
        tables: &str,
        flags: u32,
        timeout: Option<Duration>,
    ) -> Result<Next<()>> {
        let command = create_publication(name, tables, flags)?;
        let made = self.ask(&command, deadline(timeout));
        answer!(made.map_err(|error| explain_publication(error, name))?);
        Ok(Next::Ready(()))
    }

    /// Ends a publication.
    pub fn drop_publication(&mut self, name: &str, timeout: Option<Duration>) -> Result<Next<()>> {
        let dropped = self.ask(&drop_publication(name), deadline(timeout));
        answer!(dropped.map_err(|error| explain_publication(error, name))?);
        Ok(Next::Ready(()))
    }

    /// The publications of the database.
    pub fn list_publications(&mut self, timeout: Option<Duration>) -> Result<Next<Vec<Publication>>> {
        self.all_publications(deadline(timeout))
    }

    /// The tables of a publication, with what is wrong with their replica identities (P26).
    pub fn published_tables(
        &mut self,
        name: &str,
        timeout: Option<Duration>,
    ) -> Result<Next<Vec<PublishedTable>>> {
        let deadline = deadline(timeout);
        let all = answer!(self.all_publications(deadline)?);
        if !all.iter().any(|publication| publication.name == name) {
            return Err(missing(name, &all));
        }
        let query = tables_query(self.version(), &[name.to_owned()], Which::All);
        let rows = answer!(self.ask(&query, deadline)?);
        Ok(Next::Ready(rows.rows.iter().map(|row| PublishedTable::read(row)).collect()))
    }

    /// That the publications are there which the options name.
    pub(super) fn expect_publications(&mut self, deadline: Option<Instant>) -> Result<Next<()>> {
        let all = answer!(self.all_publications(deadline)?);
        match self.publications().iter().find(|name| !all.iter().any(|found| found.name == **name)) {
            Some(name) => Err(missing(name, &all)),
            None => Ok(Next::Ready(())),
        }
    }

    fn all_publications(&mut self, deadline: Option<Instant>) -> Result<Next<Vec<Publication>>> {
        let rows = answer!(self.ask(&publications_query(), deadline)?);
        Ok(Next::Ready(rows.rows.iter().map(|row| Publication::read(row)).collect()))
    }
}

fn missing(name: &str, all: &[Publication]) -> Error {
    let near = nearest_name(name, all.iter().map(|publication| publication.name.as_str()));
    let meant = near.map(|near| format!("Did you mean \"{near}\"? ")).unwrap_or_default();
    Error::new(
        Status::WAL_E_PUBLICATION_MISSING,
        format!("publication \"{name}\" does not exist in this database"),
    )
    .with_hint(format!(
        "{meant}Create it before the slot: a slot never sees a publication that is younger than itself."
    ))
}
