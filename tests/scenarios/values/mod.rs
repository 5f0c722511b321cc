//! What values are: their types, and what is read from them in binary.

mod nothing_is_guessed;
mod parts_come_apart;
mod samples;
mod text_is_the_servers;
