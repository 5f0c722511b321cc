//! How the server is found that the connection string means.

#[cfg(feature = "libpq")]
mod a_kerberos_ticket_opens_a_stream;
#[cfg(feature = "libpq")]
mod encrypted_rows_come_whole_through_libpq;
mod the_right_server_is_reached;
