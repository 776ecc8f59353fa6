//! What agents are told in notifications: which instances run where, and which start, stop or change role.

use super::notify::Notification;
use super::{ActionIndex, Draft, Flags, Relation};
use model::{Role, Score};
use status::{AllowedNodes, NodeIndex, ResourceIndex};

/// An instance and its node.
type Entry = (ResourceIndex, Option<NodeIndex>);

/// What is told.
#[derive(Clone, Debug, Default)]
pub(super) struct News {
    allowed: Option<AllowedNodes>,
    active: Vec<Entry>,
    inactive: Vec<Entry>,
    unpromoted: Vec<Entry>,
    promoted: Vec<Entry>,
    start: Vec<Entry>,
    stop: Vec<Entry>,
    promote: Vec<Entry>,
    demote: Vec<Entry>,
    /// Names and values as agents get them; the newest of a name counts.
    pub keys: Vec<(&'static str, String)>,
}

impl Draft<'_> {
    pub(super) fn collect_news(&self, resource: ResourceIndex, notification: &Notification, changes: bool) -> News {
        let mut news = News::default();
        let _ = notification;
        self.add_news(resource, changes, &mut news);
        news
    }

    fn add_news(&self, resource: ResourceIndex, changes: bool, news: &mut News) {
        let state = self.r(resource);
        news.allowed.get_or_insert_with(|| state.allowed.clone());
        if !state.children.is_empty() {
            for &child in &state.children {
                self.add_news(child, changes, news);
            }
            return;
        }
        let entry = (resource, self.fact(resource).active_nodes.first().copied());
        match state.role {
            Role::Stopped => news.inactive.push(entry),
            Role::Started => news.active.push(entry),
            Role::Unpromoted => {
                news.unpromoted.push(entry);
                news.active.push(entry);
            }
            Role::Promoted => {
                news.promoted.push(entry);
                news.active.push(entry);
            }
            Role::Unknown => {}
        }
        if !changes {
            return;
        }
        for &index in state.actions.iter().rev() {
            let action = self.a(index);
            let Some(node) = action.node.filter(|_| !action.has(Flags::OPTIONAL)) else { continue };
            let implied_stop = action.task == "stop" && self.n(node).unclean;
            if !implied_stop && !action.has(Flags::RUNNABLE) {
                continue;
            }
            let entry = (resource, Some(node));
            match action.task.as_str() {
                "start" => news.start.push(entry),
                "stop" => news.stop.push(entry),
                "promote" => news.promote.push(entry),
                "demote" => news.demote.push(entry),
                _ => {}
            }
        }
    }

    /// Returns the names of instances and of their nodes, each instance once.
    fn words(&self, entries: &[Entry], with_nodes: bool) -> (String, String) {
        let mut sorted: Vec<Entry> = entries.to_vec();
        let key = |entry: &Entry| (self.fact(entry.0).id.clone(), entry.1.map(|node| self.facts.node(node).id.clone()));
        // Without a node comes last.
        sorted.sort_by_key(|entry| {
            let (id, node) = key(entry);
            (id, node.is_none(), node)
        });
        let (mut resources, mut nodes): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
        let mut last = None;
        for (resource, node) in sorted {
            if (with_nodes && node.is_none()) || last == Some(resource) {
                continue;
            }
            last = Some(resource);
            resources.push(self.fact(resource).id.as_str());
            nodes.extend(node.map(|node| self.facts.node(node).name.as_str()));
        }
        (or_blank(&resources), or_blank(&nodes))
    }

    pub(super) fn add_news_keys(&mut self, resource: ResourceIndex, notification: &Notification, news: &mut News) {
        let mut keys = Vec::new();
        for (name, entries) in [
            (["notify_stop_resource", "notify_stop_uname"], &news.stop),
            (["notify_start_resource", "notify_start_uname"], &news.start),
            (["notify_demote_resource", "notify_demote_uname"], &news.demote),
            (["notify_promote_resource", "notify_promote_uname"], &news.promote),
            (["notify_active_resource", "notify_active_uname"], &news.active),
            (["notify_unpromoted_resource", "notify_unpromoted_uname"], &news.unpromoted),
            (["notify_slave_resource", "notify_slave_uname"], &news.unpromoted),
            (["notify_promoted_resource", "notify_promoted_uname"], &news.promoted),
            (["notify_master_resource", "notify_master_uname"], &news.promoted),
        ] {
            let (resources, nodes) = self.words(entries, true);
            keys.push((name[0], resources));
            keys.push((name[1], nodes));
        }
        keys.push(("notify_inactive_resource", self.words(&news.inactive, false).0));
        let allowed = news.allowed.clone().unwrap_or_default();
        let considered = |node: &&NodeIndex| allowed.get(**node).is_some();
        let available: Vec<&str> =
            self.facts.node_order.iter().filter(considered).map(|&node| self.facts.node(node).name.as_str()).collect();
        keys.push(("notify_available_uname", or_blank(&available)));
        let all: Vec<&str> = self.facts.node_order.iter().map(|&node| self.facts.node(node).name.as_str()).collect();
        let on_hosts = self.fact(resource).meta.get("container-attribute-target").is_some_and(|target| target == "host");
        if on_hosts {
            let host = |node: NodeIndex| self.launcher_of_node(node).and_then(|launcher| self.current_node(launcher)).unwrap_or(node);
            let hosts: Vec<&str> = self.facts.node_order.iter().map(|&node| self.facts.node(host(node)).name.as_str()).collect();
            keys.push(("notify_all_hosts", or_blank(&hosts)));
        }
        keys.push(("notify_all_uname", or_blank(&all)));
        news.keys.extend(keys);
        let required = match notification.task {
            "start" => !news.start.is_empty(),
            "stop" => !news.stop.is_empty(),
            "promote" => !news.promote.is_empty(),
            _ => !news.demote.is_empty(),
        };
        if required {
            for point in [notification.pre, notification.pre_done, notification.post, notification.post_done].into_iter().flatten() {
                self.a_mut(point).flags.clear(Flags::OPTIONAL);
            }
        }
    }

    pub(super) fn create_notify_actions(&mut self, resource: ResourceIndex, notification: &Notification, news: &News) {
        let children = self.r(resource).children.clone();
        if !children.is_empty() {
            for child in children {
                self.create_notify_actions(child, notification, news);
            }
            return;
        }
        for position in (0..self.r(resource).actions.len()).rev() {
            let index = self.r(resource).actions[position];
            let action = self.a(index);
            let changes = matches!(action.task.as_str(), "start" | "stop" | "promote" | "demote");
            if changes && !action.has(Flags::OPTIONAL) && action.node.is_some() {
                self.tell(index, news);
            }
        }
        let nothing = match notification.task {
            "start" => news.start.is_empty(),
            "promote" => news.promote.is_empty(),
            "demote" => news.demote.is_empty(),
            _ => false,
        };
        if nothing {
            return;
        }
        match notification.task {
            "stop" | "demote" if self.r(resource).role != Role::Stopped => self.notify_going_down(resource, notification, news),
            "start" | "promote" if self.r(resource).next_role != Role::Stopped => self.notify_coming_up(resource, notification, news),
            _ => {}
        }
    }

    fn notify_going_down(&mut self, resource: ResourceIndex, notification: &Notification, news: &News) {
        let stop = self.newest(resource, "stop", None);
        for node in self.fact(resource).active_nodes.clone() {
            let gone = self.n(node).unclean || self.n(node).remote_reset;
            if gone && stop.is_some_and(|stop| self.a(stop).has(Flags::PSEUDO)) {
                continue;
            }
            self.notify(resource, node, notification.pre, notification.pre_done, news);
            if notification.task == "demote" || stop.is_none_or(|stop| self.a(stop).has(Flags::OPTIONAL)) {
                self.notify_afterwards(resource, node, notification, news);
            }
        }
    }

    fn notify_coming_up(&mut self, resource: ResourceIndex, notification: &Notification, news: &News) {
        let start = self.newest(resource, "start", None);
        if let Some(start) = start {
            let connection = self.a(start).node.and_then(|node| self.facts.node(node).remote);
            let connects = connection.and_then(|connection| self.newest(connection, "start", None));
            if connects.is_some_and(|connects| !self.a(connects).has(Flags::RUNNABLE)) {
                return;
            }
        }
        let Some(node) = self.r(resource).assigned else { return };
        if notification.task != "start" || start.is_none_or(|start| self.a(start).has(Flags::OPTIONAL)) {
            self.notify(resource, node, notification.pre, notification.pre_done, news);
        }
        self.notify_afterwards(resource, node, notification, news);
    }

    fn notify_afterwards(&mut self, resource: ResourceIndex, node: NodeIndex, notification: &Notification, news: &News) {
        let notify = self.notify(resource, node, notification.post, notification.post_done, news);
        if let Some(notify) = notify {
            self.a_mut(notify).priority = Score::INFINITY.value();
        }
        let Some(done) = notification.post_done else { return };
        for position in (0..self.r(resource).actions.len()).rev() {
            let index = self.r(resource).actions[position];
            let action = self.a(index);
            let recurs = action.meta("interval").is_some_and(|interval| interval != "0");
            if recurs && action.task != "cancel" {
                self.order(done, index, Relation::ORDERED);
            }
        }
    }

    /// Makes the notification of one instance.
    fn notify(
        &mut self,
        resource: ResourceIndex,
        node: NodeIndex,
        point: Option<ActionIndex>,
        done: Option<ActionIndex>,
        news: &News,
    ) -> Option<ActionIndex> {
        let (point, done) = (point?, done?);
        if !self.n(node).online || !self.a(point).has(Flags::RUNNABLE) {
            return None;
        }
        let (kind, about) = (self.a(point).meta("notify_type")?.to_owned(), self.a(point).meta("notify_operation")?.to_owned());
        let (task, optional) = (self.a(point).task.clone(), self.a(point).has(Flags::OPTIONAL));
        let key = compact_str::format_compact!("{}_{kind}_notify_{about}_0", self.fact(resource).id);
        let notify = self.action(resource, key, &task, 0, Some(node), optional);
        let point_action = self.a(point);
        let mut copied: Vec<_> = point_action.meta.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        copied.extend(point_action.configured.iter().map(|(name, value)| (name.clone(), value.clone())));
        for (name, value) in copied {
            if self.a(notify).meta(&name).is_none() {
                self.a_mut(notify).set_meta(&name, value);
            }
        }
        self.tell(notify, news);
        self.order(point, notify, Relation::ORDERED);
        self.order(notify, done, Relation::ORDERED);
        Some(notify)
    }

    fn tell(&mut self, action: ActionIndex, news: &News) {
        let action = self.a_mut(action);
        for (name, value) in news.keys.iter() {
            action.set_meta(name, value);
        }
    }
}

/// Compat: an empty list is told as one blank.
fn or_blank(words: &[&str]) -> String {
    if words.is_empty() { " ".to_owned() } else { words.join(" ") }
}
