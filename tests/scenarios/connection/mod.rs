//! How the server is found that the connection string means.

mod the_right_server_is_reached;
