//! What ambit-micro measures as the whole life of a sleeping job, with tokio's tasks and a cancellation token: each is
//! spawned, begins, sleeps, is cancelled with all others and joined. Prints a line for each number of tasks at once:
//! that number, and the processor time that one takes in nanoseconds, the median of some rounds.

use std::time::Duration;
use tokio_util::sync::CancellationToken;

const ROUNDS: usize = 9;
const TASKS_A_ROUND: usize = 100_000;

async fn live(count: usize) {
    let token = CancellationToken::new();
    let mut tasks = Vec::with_capacity(count);
    for _ in 0..count {
        let token = token.clone();
        tasks.push(tokio::spawn(async move {
            tokio::select! {
                _ = token.cancelled() => (),
                _ = tokio::time::sleep(Duration::from_secs(3600)) => (),
            }
        }));
    }
    tokio::task::yield_now().await;
    token.cancel();
    for task in tasks {
        task.await.unwrap();
    }
}

async fn round(count: usize) -> f64 {
    let start = processor_time();
    for _ in 0..TASKS_A_ROUND / count {
        live(count).await;
    }
    (processor_time() - start) as f64 / TASKS_A_ROUND as f64
}

/// Of this thread, in nanoseconds.
fn processor_time() -> i64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    for count in [1_000, 10_000, 100_000] {
        // Not counted: memory grows to what it will need.
        round(count).await;
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            rounds.push(round(count).await);
        }
        rounds.sort_by(f64::total_cmp);
        println!("{count} {:.1}", rounds[ROUNDS / 2]);
    }
}
