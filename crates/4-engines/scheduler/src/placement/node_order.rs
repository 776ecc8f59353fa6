//! The order in which the field's tables of nodes are walked: that of GLib's hash tables, by the nodes' ids.
//!
//! Compat: it decides which of several equally roomy nodes is preferred, and how nodes are sorted whose capacities
//! compare in a circle. Everywhere else ties are broken by name and the order does not matter.

use status::{Facts, NodeIndex};

/// Returns all nodes in the order of such a table.
pub(super) fn node_order(facts: &Facts) -> Vec<NodeIndex> {
    let keys: Vec<u32> = facts.node_order.iter().map(|&node| hash(&facts.node(node).id)).collect();
    let mut slots = vec![None; 8];
    for at in 0..keys.len() {
        insert(&mut slots, &keys, at);
        let occupied = at + 1;
        if slots.len() <= occupied + occupied / 16 {
            let bits = usize::BITS - (occupied * 1333 / 1000).leading_zeros();
            let mut larger = vec![None; 1 << bits.max(3)];
            for known in slots.into_iter().flatten() {
                insert(&mut larger, &keys, known);
            }
            slots = larger;
        }
    }
    slots.into_iter().flatten().map(|at| facts.node_order[at]).collect()
}

fn insert(slots: &mut [Option<usize>], keys: &[u32], at: usize) {
    let mut slot = keys[at].wrapping_mul(11) as usize % prime_below(slots.len());
    let mut step = 0;
    while slots[slot].is_some() {
        step += 1;
        slot = (slot + step) % slots.len();
    }
    slots[slot] = Some(at);
}

/// The hash of a text; bytes count as signed.
fn hash(text: &str) -> u32 {
    text.bytes().fold(5381, |hash: u32, byte| hash.wrapping_mul(33).wrapping_add(byte as i8 as u32))
}

/// Returns the largest prime that is not above a power of two.
fn prime_below(size: usize) -> usize {
    let is_prime = |n: usize| (2..).take_while(|d| d * d <= n).all(|d| !n.is_multiple_of(d));
    (2..=size).rev().find(|&n| is_prime(n)).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_ids_fall_where_the_field_puts_them() {
        let slot = |id: &str| hash(id).wrapping_mul(11) % 7;
        assert_eq!([slot("1"), slot("3"), slot("2")], [2, 3, 6]);
    }

    #[test]
    fn tables_are_cut_to_primes() {
        assert_eq!([8, 16, 32, 64, 128].map(prime_below), [7, 13, 31, 61, 127]);
    }
}
