//! Synchronous work off the async threads.

use std::num::NonZeroUsize;
use std::sync::Arc;

use tokio::sync::Semaphore;

/// Why a piece of work gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum CpuError {
    /// As much work is waiting as may wait: refuse the request, or do without.
    #[error("too much work is waiting for a processor")]
    Overloaded,
    /// The work panicked, or the runtime is shutting down.
    #[error("the work was broken off")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Runs synchronous work on blocking threads, on no more of them at once than there are cores.
///
/// More at once would make every piece slower and finish none earlier.
#[derive(Clone, Debug)]
pub struct CpuPool {
    running: Arc<Semaphore>,
    admitted: Arc<Semaphore>,
}

impl CpuPool {
    /// A pool for `cores` cores, with at most `waiting` pieces of work in its queue.
    #[must_use]
    pub fn new(cores: NonZeroUsize, waiting: usize) -> Self {
        let admitted = cores.get().saturating_add(waiting).min(Semaphore::MAX_PERMITS);
        let running = cores.get().min(Semaphore::MAX_PERMITS);
        Self { running: Arc::new(Semaphore::new(running)), admitted: Arc::new(Semaphore::new(admitted)) }
    }

    /// A pool for the cores that this process may use, with at most `waiting` pieces in its queue.
    #[must_use]
    pub fn for_this_machine(waiting: usize) -> Self {
        Self::new(std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN), waiting)
    }

    /// Runs `work` as soon as a core is free. Work that has started runs to its end, even when
    /// the caller stops waiting, and keeps its core until then.
    ///
    /// # Errors
    /// [`CpuError::Overloaded`] at once when the queue is full; [`CpuError::Broken`] when `work`
    /// panicked.
    pub async fn run<T, F>(&self, work: F) -> Result<T, CpuError>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let place = Arc::clone(&self.admitted).try_acquire_owned().map_err(|_| CpuError::Overloaded)?;
        let core = Arc::clone(&self.running).acquire_owned().await.map_err(|e| CpuError::Broken(e.into()))?;
        let task = tokio::task::spawn_blocking(move || {
            let _held_until_done = (place, core);
            work()
        });
        task.await.map_err(|error| CpuError::Broken(error.into()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use super::*;

    fn pool(cores: usize, waiting: usize) -> CpuPool {
        CpuPool::new(NonZeroUsize::new(cores).unwrap(), waiting)
    }

    #[tokio::test]
    async fn no_more_runs_at_once_than_there_are_cores() {
        let (pool, now, most) = (pool(2, 100), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let pieces = (0..40).map(|i| {
            let (now, most) = (Arc::clone(&now), Arc::clone(&most));
            pool.run(move || {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                std::thread::yield_now();
                now.fetch_sub(1, Ordering::SeqCst);
                i
            })
        });
        let results: Vec<i32> = futures::future::try_join_all(pieces).await.unwrap();
        assert_eq!(results, (0..40).collect::<Vec<_>>());
        assert!(most.load(Ordering::SeqCst) <= 2);
    }

    #[tokio::test]
    async fn a_full_queue_refuses_at_once_and_recovers() {
        let pool = pool(1, 1);
        let (release, wait) = mpsc::channel::<()>();
        let running = tokio::spawn({
            let pool = pool.clone();
            async move { pool.run(move || wait.recv()).await }
        });
        let waiting = tokio::spawn({
            let pool = pool.clone();
            async move { pool.run(|| 7).await }
        });
        while pool.admitted.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert!(matches!(pool.run(|| 8).await, Err(CpuError::Overloaded)));
        release.send(()).unwrap();
        assert!(running.await.unwrap().unwrap().is_ok());
        assert_eq!(waiting.await.unwrap().unwrap(), 7);
        assert_eq!(pool.run(|| 8).await.unwrap(), 8);
    }

    #[tokio::test]
    async fn a_panic_is_an_error_and_frees_its_core() {
        let pool = pool(1, 0);
        let broken = pool.run(|| panic!("on purpose")).await;
        assert!(matches!(broken, Err(CpuError::Broken(_))), "{broken:?}");
        assert_eq!(pool.run(|| 1).await.unwrap(), 1);
    }
}
