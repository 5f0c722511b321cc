//! WAL records of real servers, held against what pg_waldump and the server itself say.

mod images_are_the_pages;
mod lines_are_pg_waldumps;
mod what_the_server_says_is_what_is_read;
mod workload;
