//! How the server is found that the connection string means.

#[cfg(feature = "libpq")]
mod a_kerberos_ticket_opens_a_stream;
mod the_right_server_is_reached;
