//! Several requests at once.

use std::future::Future;

use futures::StreamExt;

/// Does `answer` for each of `items`, at most `in_flight` at a time, and returns the results in
/// the items' order.
pub async fn in_order<T, R, F>(items: Vec<T>, in_flight: usize, answer: impl Fn(usize, T) -> F) -> Vec<R>
where
    F: Future<Output = R>,
{
    futures::stream::iter(items.into_iter().enumerate())
        .map(|(index, item)| answer(index, item))
        .buffered(in_flight.max(1))
        .collect()
        .await
}
