//! What a `corosync.conf` means in time: when a silent host is suspected, when the others have agreed, what fencing adds.
//!
//! Compat: defaults and the growth of `token` with the number of nodes are those of Corosync 3.1.

use corosync::Block;
use std::time::Duration;

/// The times that follow from a configuration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Timings {
    pub nodes: usize,
    /// `token` as it is configured or by default, in milliseconds.
    pub token: u64,
    /// What is added to it for each node above two.
    pub coefficient: u64,
    pub consensus: u64,
}

impl Timings {
    /// Reads them from `corosync.conf`.
    pub fn of(configuration: &Block) -> Self {
        let number = |key: &str| configuration.value("totem", key).and_then(|text| text.parse::<u64>().ok());
        let nodes = configuration.all("nodelist").flat_map(|list| list.all("node")).count();
        let mut timings =
            Self { nodes, token: number("token").unwrap_or(3000), coefficient: number("token_coefficient").unwrap_or(650), consensus: 0 };
        timings.consensus = number("consensus").unwrap_or(timings.effective_token() * 6 / 5);
        timings
    }

    /// Returns how long a host may be silent before it is suspected, in milliseconds.
    pub fn effective_token(&self) -> u64 {
        self.token + self.coefficient * self.nodes.saturating_sub(2) as u64
    }

    /// Returns how long it takes at most until the others have agreed that a crashed host is gone.
    pub fn detection(&self) -> Duration {
        Duration::from_millis(self.effective_token() + self.consensus)
    }

    /// Explains the times to an administrator, a line each; `fencing` is how long a fence device may take, where that is known.
    pub fn explain(&self, fencing: Option<Duration>) -> String {
        let above = self.nodes.saturating_sub(2);
        let grown = if above > 0 && self.coefficient > 0 {
            format!(" (token {} + {} for each of {above} nodes above two)", self.token, self.coefficient)
        } else {
            String::new()
        };
        let fencing = match fencing {
            Some(limit) => format!("as long as the device takes; it is given up after {} s", limit.as_secs()),
            None => "as long as the device takes; none is configured yet".to_owned(),
        };
        format!(
            "token      {:>6} ms  a host that is silent for this long is suspected{grown}\n\
             consensus  {:>6} ms  then the others agree on who remains; quorum is decided with it\n\
             detection  {:>6} ms  from a crash until the cluster acts on it, at most; half a token less at best\n\
             fencing            {fencing}\n\
             recovery           then the first resource starts within about 0.2 s, plus what its agent takes\n\
             A daemon that ends, a node that leaves in good order and a Corosync that is stopped are seen at once.\n",
            self.effective_token(),
            self.consensus,
            self.detection().as_millis(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timings(totem: &str, nodes: usize) -> Timings {
        let text = format!("totem {{\n{totem}\n}}\nnodelist {{\n{}}}\n", "node {\n nodeid: 1\n}\n".repeat(nodes));
        Timings::of(&Block::parse(&text).unwrap())
    }

    #[test]
    fn the_token_grows_with_the_nodes_as_corosync_s_does() {
        // What `corosync-cmapctl runtime.config.totem` says for these.
        for (totem, nodes, token, consensus) in [
            ("token: 1000", 3, 1650, 1980),
            ("", 3, 3650, 4380),
            ("", 2, 3000, 3600),
            ("token: 300", 3, 950, 1140),
            ("token: 500\nconsensus: 900", 2, 500, 900),
        ] {
            let timings = timings(totem, nodes);
            assert_eq!((timings.effective_token(), timings.consensus), (token, consensus), "{totem} {nodes}");
        }
    }
}
