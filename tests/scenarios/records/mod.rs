//! WAL records of real servers, held against what pg_waldump and the server itself say.

mod damage_is_named_with_its_place;
mod images_are_the_pages;
mod lines_are_pg_waldumps;
mod what_the_server_says_is_what_is_read;
mod workload;
