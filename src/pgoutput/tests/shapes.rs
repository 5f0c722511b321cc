//! What columns are expected to look like never decides what they are: rows of any kinds and lengths, in any order, come
//! out as they were sent, and what is malformed is refused whatever came before.

use proptest::prelude::*;

use super::messages::*;
use super::rig::{EACH, Rig, Val};

/// A column whose kind and length repeat often, and at times do not.
#[derive(Clone, Debug)]
struct Sent(u8, Vec<u8>);

impl Sent {
    fn col(&self) -> Col<'_> {
        match self.0 {
            0 => Col::Null,
            1 => Col::Unchanged,
            2 => Col::Text(std::str::from_utf8(&self.1).unwrap()),
            _ => Col::Binary(&self.1),
        }
    }

    fn val(&self) -> Val {
        match self.0 {
            0 => Val::Null,
            1 => Val::Unchanged,
            2 => Val::Text(self.1.clone()),
            _ => Val::Binary(self.1.clone()),
        }
    }
}

fn sent() -> impl Strategy<Value = Sent> {
    let length = prop_oneof![4 => Just(8_usize), 1 => 0_usize..300];
    let kind = prop_oneof![6 => Just(3_u8), 2 => Just(2_u8), 1 => 0_u8..2];
    (kind, length, b'a'..=b'z').prop_map(|(kind, length, byte)| Sent(kind, vec![byte; length]))
}

fn rows() -> impl Strategy<Value = Vec<[Sent; 3]>> {
    proptest::collection::vec(proptest::array::uniform3(sent()), 1..if cfg!(miri) { 12 } else { 200 })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 3 } else { 128 }, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rows_come_out_as_they_were_sent(rows in rows()) {
        let mut rig = Rig::new();
        rig.feed_all(&[begin(), relation()]);
        for (at, row) in rows.iter().enumerate() {
            let columns: Vec<_> = row.iter().map(Sent::col).collect();
            let (new, old) = (tuple(b'N', &columns), tuple(b'O', &columns));
            rig.feed(1, &match at % 3 {
                0 => change(b'U', OID, &[old, new]),
                _ => change(b'I', OID, &[new]),
            }).unwrap();
            let expected = Some(row.iter().map(Sent::val).collect());
            let event = rig.last();
            prop_assert_eq!(&event.new, &expected);
            prop_assert_eq!(event.old, if at % 3 == 0 { expected } else { None });
        }
    }

    #[test]
    fn what_is_cut_off_is_refused(rows in rows()) {
        let mut rig = Rig::new();
        rig.feed_all(&[begin(), relation()]);
        for row in &rows {
            let columns: Vec<_> = row.iter().map(Sent::col).collect();
            rig.feed(1, &insert(&columns)).unwrap();
        }
        let columns: Vec<_> = rows[0].iter().map(Sent::col).collect();
        let whole = insert(&columns);
        for end in (0..whole.len()).step_by(EACH) {
            rig.refuse(1, &whole[..end]);
        }
        rig.refuse(1, &[&whole[..], b"x"].concat());
    }
}

/// A column that changes its length in each row stops being expected to look like anything; one that comes to rest early
/// enough is read as before. Both are right all the while.
#[test]
fn a_length_that_never_rests_is_right_too() {
    let mut rig = Rig::new();
    rig.feed_all(&[begin(), relation()]);
    for at in (0..1000_usize).step_by(EACH) {
        let (restless, resting) = ("x".repeat(at % 7), "y".repeat(at.min(20)));
        let columns = [Col::Text(&restless), Col::Text(&resting), Col::Null];
        rig.feed(1, &insert(&columns)).unwrap();
        assert_eq!(rig.last().new, Some(vec![Val::text(&restless), Val::text(&resting), Val::Null]));
    }
}
