//! The panic hook is the program's: the library has none of its own in a Rust program.

use std::panic;

use pgwalstream::{Options, Stream};

#[tokio::test(flavor = "multi_thread")]
async fn s61_the_hook_stays_the_programs() {
    let before = panic::take_hook();
    // It is told by its address, and so it must hold something.
    let held = Box::new(7_u64);
    let hook: Box<dyn Fn(&panic::PanicHookInfo<'_>) + Sync + Send> = Box::new(move |info| {
        assert_eq!(*held, 7);
        before(info);
    });
    let address = std::ptr::from_ref(&*hook).cast::<()>();
    panic::set_hook(hook);
    let options = Options::new().conninfo("host=/nonexistent user=u dbname=d").slot("s").publication("p");
    assert!(Stream::connect(&options).await.is_err());
    let after = panic::take_hook();
    assert_eq!(std::ptr::from_ref(&*after).cast::<()>(), address, "another hook was set");
    panic::set_hook(after);
}
