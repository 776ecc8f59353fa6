//! What is going to happen, in the order of time; of one moment what was asked for first comes first.

use crate::world::Happening;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

/// Happenings are large and there are millions: they lie still, and their places are sorted.
#[derive(Default)]
pub(crate) struct Queue {
    /// When, the how manyth, and where it lies.
    order: BinaryHeap<Reverse<(Duration, u64, usize)>>,
    places: Vec<Option<Happening>>,
    free: Vec<usize>,
    count: u64,
}

impl Queue {
    pub(crate) fn push(&mut self, time: Duration, happening: Happening) {
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            self.places.len() - 1
        });
        self.places[place] = Some(happening);
        self.count += 1;
        self.order.push(Reverse((time, self.count, place)));
    }

    /// Returns when the next is due.
    pub(crate) fn next(&self) -> Option<Duration> {
        self.order.peek().map(|Reverse((time, ..))| *time)
    }

    pub(crate) fn pop(&mut self) -> Option<Happening> {
        let Reverse((.., place)) = self.order.pop()?;
        self.free.push(place);
        self.places[place].take()
    }

    /// Returns everything that is of a kind, in its order.
    pub(crate) fn all(&self, is_meant: impl Fn(&Happening) -> bool) -> Vec<&Happening> {
        let meant = |place: &usize| self.places[*place].as_ref().filter(|happening| is_meant(happening));
        let mut found: Vec<_> = self.order.iter().filter(|Reverse((.., place))| meant(place).is_some()).collect();
        found.sort_by_key(|Reverse(key)| *key);
        found.into_iter().filter_map(|Reverse((.., place))| self.places[*place].as_ref()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_for_first_comes_first() {
        let mut queue = Queue::default();
        let second = Duration::from_secs(1);
        let host = |happening: Option<Happening>| match happening {
            Some(Happening::PowerOn { host }) => Some(host),
            _ => None,
        };
        for (time, number) in [(2, 0), (1, 1), (1, 2), (2, 3)] {
            queue.push(second * time, Happening::PowerOn { host: number });
        }
        assert_eq!(queue.next(), Some(second));
        assert_eq!(queue.all(|_| true).into_iter().filter(|h| matches!(h, Happening::PowerOn { host: 0 | 3 })).count(), 2);
        assert_eq!(host(queue.pop()), Some(1));
        queue.push(second, Happening::PowerOn { host: 4 });
        let rest: Vec<usize> = std::iter::from_fn(|| host(queue.pop())).collect();
        assert_eq!(rest, [2, 4, 0, 3]);
    }
}
