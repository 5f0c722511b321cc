//! What strangers' cases broke, each fault with its number.

mod a_flood_stops_nobody;
