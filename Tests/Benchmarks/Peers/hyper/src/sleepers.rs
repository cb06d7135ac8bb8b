//! Jobs that are counted, and when the last one ended.

use crate::scope::Scope;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

static LIVING: AtomicU64 = AtomicU64::new(0);
static LAST_END: AtomicI64 = AtomicI64::new(0);

/// One job among the living.
struct Member;

impl Member {
    fn new() -> Member {
        LIVING.fetch_add(1, Relaxed);
        Member
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        if LIVING.fetch_sub(1, Relaxed) == 1 {
            LAST_END.store(monotonic_nanoseconds(), Relaxed);
        }
    }
}

pub fn spawn(scope: Scope, count: u64) {
    for _ in 0..count {
        let member = Member::new();
        scope.spawn(async move {
            tokio::time::sleep(Duration::from_secs(3600)).await;
            drop(member);
        });
    }
}

/// How many live, and when the last one ended.
pub fn report() -> String {
    format!("{} {}\n", LIVING.load(Relaxed), LAST_END.load(Relaxed))
}

/// The clock that the benchmark reads as well.
fn monotonic_nanoseconds() -> i64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}
