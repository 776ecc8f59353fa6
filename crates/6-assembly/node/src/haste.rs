//! When the event loop is to be as urgent as the engine below it, and when it has to stand back.

use std::time::Duration;

/// How far a loop may work ahead of its rest before it runs as others do, and how far it may be when it becomes urgent again.
const AHEAD_MAX: Duration = Duration::from_millis(200);
const RESTED: Duration = Duration::from_millis(50);

/// How the loop is to run from now on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Pace {
    /// As the engine below does; the root role sees to it.
    Urgent,
    /// As everybody else does.
    Usual,
}

/// The loop's claim on the processor: its work against its rest.
///
/// Safety: a loop that has no rest, for whatever reason, must not keep the processor from agents and resources. Whoever works more than
/// half of the time has soon used up what it may.
#[derive(Debug, Default)]
pub(crate) struct Haste {
    /// The root role can make this process urgent.
    pub is_known_above: bool,
    is_urgent: bool,
    ahead: Duration,
    last: Duration,
}

impl Haste {
    /// Notes a piece of work; returns how to run from now on, where that is to be brought about.
    pub fn worked(&mut self, from: Duration, to: Duration) -> Option<Pace> {
        self.ahead = self.ahead.saturating_sub(from.saturating_sub(self.last)) + to.saturating_sub(from);
        self.last = to;
        if self.ahead > AHEAD_MAX {
            // Said at every turn: what was asked of the root role before may take effect only now.
            self.is_urgent = false;
            return Some(Pace::Usual);
        }
        let becomes_urgent = self.is_known_above && !self.is_urgent && self.ahead < RESTED;
        self.is_urgent |= becomes_urgent;
        becomes_urgent.then_some(Pace::Urgent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(number: u64) -> Duration {
        Duration::from_millis(number)
    }

    fn haste() -> Haste {
        Haste { is_known_above: true, ..Haste::default() }
    }

    #[test]
    fn short_pieces_with_rest_between_them_are_urgent_from_the_first_on() {
        let mut haste = haste();
        assert_eq!(haste.worked(ms(0), ms(4)), Some(Pace::Urgent));
        assert!((1..10_000).all(|turn| haste.worked(ms(10 * turn), ms(10 * turn + 4)).is_none()));
    }

    #[test]
    fn who_never_rests_stands_back_until_it_has_rested() {
        let mut haste = haste();
        let paces: Vec<Option<Pace>> = (0..202).map(|turn| haste.worked(ms(turn), ms(turn + 1))).collect();
        assert_eq!((paces[0], paces[199], paces[200], paces[201]), (Some(Pace::Urgent), None, Some(Pace::Usual), Some(Pace::Usual)));
        assert_eq!(haste.worked(ms(300), ms(310)), None);
        assert_eq!(haste.worked(ms(500), ms(501)), Some(Pace::Urgent));
        assert_eq!(haste.worked(ms(600), ms(900)), Some(Pace::Usual), "one long piece counts as much");
    }

    #[test]
    fn nothing_is_asked_of_a_root_role_that_does_not_know_it() {
        assert_eq!(Haste::default().worked(ms(0), ms(1)), None);
    }
}
