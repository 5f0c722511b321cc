//! What values are: their types, and what is read from them in binary.

mod csv_is_copys;
mod debezium_is_matched;
mod json_is_the_servers;
mod nothing_is_guessed;
mod parts_come_apart;
mod samples;
mod sql_applies;
mod text_is_the_servers;
mod vectors_are_the_servers;
mod wal2json_is_matched;
