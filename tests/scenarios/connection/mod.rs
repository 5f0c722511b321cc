//! How the server is found that the connection string means.

mod both;
mod the_right_server_is_reached;
mod tls_lets_in_whom_libpq_lets_in;
