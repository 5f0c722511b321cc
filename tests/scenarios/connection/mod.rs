//! How the server is found that the connection string means.

#[cfg(feature = "libpq")]
mod a_kerberos_ticket_opens_a_stream;
mod a_request_to_cancel_goes_through_tls;
mod a_stream_flows_through_tls;
mod an_error_is_known_by_its_code;
mod both;
#[cfg(feature = "libpq")]
mod encrypted_rows_come_whole_through_libpq;
mod scram_is_tied_to_the_certificate;
mod the_right_server_is_reached;
mod tls_lets_in_whom_libpq_lets_in;
