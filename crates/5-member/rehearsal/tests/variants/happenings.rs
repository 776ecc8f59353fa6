//! What may happen to a cluster: nodes come and go, operations have other results, tickets and quorum change.

use super::dice::Dice;
use super::{any, fresh_id, node_names, paths, primitive_ids, take};
use xml::Element;

fn is_history(element: &Element) -> bool {
    element.name == "lrm_rsc_op"
}

pub fn change_node_state(cib: &mut Element, dice: &mut Dice) -> bool {
    let (name, values): (&str, &[&str]) = match dice.below(5) {
        0 => ("in_ccm", &["true", "false", "1500000000"]),
        1 => ("crmd", &["online", "offline", "1500000000"]),
        2 => ("join", &["member", "down", "pending", "banned"]),
        3 => ("expected", &["member", "down"]),
        _ => ("gone", &[]),
    };
    let value = if values.is_empty() { "" } else { dice.pick(values) };
    let Some(state) = any(cib, dice, &|e| e.name == "node_state" && !e.has("remote_node")) else { return false };
    match value {
        // A node that is gone altogether.
        "" => {
            state.set("in_ccm", "false");
            state.set("crmd", "offline");
            state.set("join", "down");
        }
        value => state.set(name, value),
    }
    true
}

pub fn drop_node_state(cib: &mut Element, dice: &mut Dice) -> bool {
    take(cib, dice, &|e| e.name == "node_state").is_some()
}

/// Gives a recorded operation another result.
pub fn change_result(cib: &mut Element, dice: &mut Dice) -> bool {
    let code = dice.pick(&["0", "1", "2", "5", "6", "7", "8", "9", "7", "0", "1", "193"]);
    let status = match code {
        "0" => dice.pick(&["0", "0", "2", "4"]),
        "193" => "-1",
        "1" => dice.pick(&["4", "2", "0", "1", "3"]),
        "7" | "8" | "9" => dice.pick(&["0", "4"]),
        _ => "4",
    };
    let Some(found) = any(cib, dice, &is_history) else { return false };
    let key = found.attribute("transition-key").map(str::to_owned).or_else(|| {
        let magic = found.attribute("transition-magic")?;
        magic.split_once(';').map(|(_, key)| key.to_owned())
    });
    found.set("rc-code", code);
    found.set("op-status", status);
    if let Some(key) = key {
        found.set("transition-magic", format!("{status}:{code};{key}"));
    }
    true
}

pub fn drop_result(cib: &mut Element, dice: &mut Dice) -> bool {
    take(cib, dice, &is_history).is_some()
}

pub fn drop_history(cib: &mut Element, dice: &mut Dice) -> bool {
    take(cib, dice, &|e| e.name == "lrm_resource").is_some()
}

/// Says that what one node knows of a resource holds of another node, too.
pub fn copy_history(cib: &mut Element, dice: &mut Dice) -> bool {
    let Some(from) = dice.one_of(&paths(cib, &|e| e.name == "lrm_resource")) else { return false };
    let Some(to) = dice.one_of(&paths(cib, &|e| e.name == "lrm_resources")) else { return false };
    let Some(copy) = cib.at_path(&from).cloned() else { return false };
    let Some(history) = cib.at_path_mut(&to) else { return false };
    history.remove_child("lrm_resource", copy.id());
    history.push(copy);
    true
}

/// Returns the set of transient attributes of a node's state, made where there is none.
fn transient_set<'c>(cib: &'c mut Element, dice: &mut Dice) -> Option<&'c mut Element> {
    let (holder_id, set_id) = (fresh_id(cib, dice, "transient"), fresh_id(cib, dice, "status"));
    let state = any(cib, dice, &|e| e.name == "node_state")?;
    let holder_id = state.id().map_or(holder_id, str::to_owned);
    let at = match state.children.iter().position(|c| c.as_element().is_some_and(|e| e.name == "transient_attributes")) {
        Some(at) => at,
        None => {
            state.push(Element::new("transient_attributes").with("id", holder_id));
            state.children.len() - 1
        }
    };
    let holder = state.children[at].as_element_mut()?;
    if holder.child("instance_attributes").is_none() {
        holder.push(Element::new("instance_attributes").with("id", set_id));
    }
    holder.child_mut("instance_attributes")
}

fn set_transient(cib: &mut Element, dice: &mut Dice, name: &str, value: &str) -> bool {
    let id = fresh_id(cib, dice, "status");
    let Some(set) = transient_set(cib, dice) else { return false };
    match set.children.iter().position(|c| c.as_element().is_some_and(|e| e.attribute("name") == Some(name))) {
        Some(at) => set.children[at].as_element_mut().is_some_and(|pair| {
            pair.set("value", value);
            true
        }),
        None => {
            set.push(Element::new("nvpair").with("id", id).with("name", name).with("value", value));
            true
        }
    }
}

pub fn add_fail_count(cib: &mut Element, dice: &mut Dice) -> bool {
    let Some(resource) = dice.one_of(&primitive_ids(cib)) else { return false };
    let form = dice.pick(&["", "#monitor_10000", "#start_0", "#stop_0", "#monitor_0"]);
    let count = dice.pick(&["1", "2", "3", "INFINITY", "0"]);
    set_transient(cib, dice, &format!("fail-count-{resource}{form}"), count)
}

pub fn set_transient_attribute(cib: &mut Element, dice: &mut Dice) -> bool {
    let master = dice.one_of(&primitive_ids(cib)).map(|id| format!("master-{id}"));
    let (name, values): (String, &[&str]) = match (dice.below(6), master) {
        (0..3, Some(name)) => (name, &["1", "5", "10", "100", "-INFINITY", "INFINITY", "0", "-1"]),
        (3, _) => ("shutdown".to_owned(), &["1500000000", "0"]),
        (4, _) => ("standby".to_owned(), &["on", "off"]),
        (5, _) => ("#health-disk".to_owned(), &["red", "yellow", "green"]),
        _ => ("terminate".to_owned(), &["true", "false"]),
    };
    let value = dice.pick(values);
    set_transient(cib, dice, &name, value)
}

pub fn change_ticket(cib: &mut Element, dice: &mut Dice) -> bool {
    let named: Vec<String> = super::names(cib, &["configuration", "constraints"], &["rsc_ticket"], "ticket");
    let Some(ticket) = dice.one_of(&named) else { return false };
    let (name, value) = (dice.pick(&["granted", "standby"]), dice.pick(&["true", "false"]));
    let Some(status) = cib.child_mut("status") else { return false };
    let tickets = status.child_or_new("tickets");
    let at = tickets.elements().position(|e| e.id() == Some(&ticket));
    match at {
        Some(_) if name == "gone" => return false,
        Some(_) => {
            if let Some(state) = tickets.elements_mut().find(|e| e.id() == Some(&ticket)) {
                state.set(name, value);
            }
        }
        None => {
            let mut state = Element::new("ticket_state").with("id", ticket).with("granted", "false");
            state.set(name, value);
            tickets.push(state);
        }
    }
    true
}

pub fn flip_quorum(cib: &mut Element, dice: &mut Dice) -> bool {
    let has = matches!(cib.attribute("have-quorum"), Some("1" | "true"));
    cib.set("have-quorum", if has { "0" } else { "1" });
    // Without a policy the default applies, which stops everything: look at the others more often.
    dice.one_in(2) || super::settings::set_option(cib, dice)
}

/// Lets time pass, or turns it back, so that failures expire and rules change.
pub fn shift_time(cib: &mut Element, dice: &mut Dice) -> bool {
    let Some(date) = cib.attribute("execution-date").and_then(|text| text.parse::<i64>().ok()) else { return false };
    let by = *dice.pick(&[&60_i64, &-60, &3_600, &86_400, &-86_400, &2_592_000, &31_536_000]);
    cib.set("execution-date", (date + by).to_string());
    !node_names(cib).is_empty()
}
