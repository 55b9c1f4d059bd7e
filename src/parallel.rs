//! Work on all cores with results in the order of the input.

/// Applies `work` to every item on up to `jobs` threads; results come back in order.
pub(crate) fn map<T: Send, R: Send>(jobs: usize, items: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let work = |share: Vec<T>| share.into_iter().map(&work).collect::<Vec<R>>();
    map_shares(jobs, items, work).into_iter().flatten().collect()
}

/// Applies `work` to the shares of up to `jobs` threads; results come back in order.
pub(crate) fn map_shares<T: Send, R: Send>(jobs: usize, items: Vec<T>, work: impl Fn(Vec<T>) -> R + Sync) -> Vec<R> {
    let share = items.len().div_ceil(jobs.max(1)).max(1);
    if items.len() <= share || items.len() < 16 {
        return vec![work(items)];
    }
    let mut shares = Vec::with_capacity(jobs);
    let mut items = items.into_iter();
    loop {
        let part: Vec<T> = items.by_ref().take(share).collect();
        if part.is_empty() {
            break;
        }
        shares.push(part);
    }
    map_each(shares, work)
}

/// Does two things at once.
pub(crate) fn both<A: Send, B>(one: impl FnOnce() -> A + Send, other: impl FnOnce() -> B) -> (A, B) {
    std::thread::scope(|scope| {
        let one = scope.spawn(one);
        let other = other();
        (one.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), other)
    })
}

/// Applies `work` to every item on a thread of its own; results come back in order.
pub(crate) fn map_each<T: Send, R: Send>(items: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let work = &work;
    std::thread::scope(|scope| {
        let threads: Vec<_> = items.into_iter().map(|item| scope.spawn(move || work(item))).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_keep_the_order_of_the_items() {
        for count in [0, 1, 2, 15, 16, 17, 1000] {
            for jobs in [0, 1, 2, 3, 64] {
                let doubled = map(jobs, (0..count).collect(), |item: u32| item * 2);
                assert_eq!(doubled, (0..count).map(|item| item * 2).collect::<Vec<_>>());
            }
        }
    }
}
