//! Notifications: agents of a clone are told before and after its instances start, stop, are promoted or demoted.

use super::{ActionIndex, Draft, Flags, Relation};
use model::Score;
use status::ResourceIndex;

/// The points of one kind of change that agents are told of, and what they are told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notification {
    pub task: &'static str,
    pub pre: Option<ActionIndex>,
    pub pre_done: Option<ActionIndex>,
    pub post: Option<ActionIndex>,
    pub post_done: Option<ActionIndex>,
}

/// The notifications of a clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct CloneNotifications {
    pub start: Option<Notification>,
    pub stop: Option<Notification>,
    pub promote: Option<Notification>,
    pub demote: Option<Notification>,
}

impl Draft<'_> {
    /// Makes the points before and after starts and stops.
    pub(super) fn create_notification_points(
        &mut self,
        clone: ResourceIndex,
        start: ActionIndex,
        started: ActionIndex,
        stop: ActionIndex,
        stopped: ActionIndex,
    ) {
        let known = self.notifications.get(&clone).cloned().unwrap_or_default();
        let mut notifications = known;
        if notifications.start.is_none() {
            notifications.start = self.notification(clone, "start", Some(start), Some(started));
        }
        if notifications.stop.is_none() {
            notifications.stop = self.notification(clone, "stop", Some(stop), Some(stopped));
            self.order_notifications(&notifications.stop, &notifications.start);
        }
        self.notifications.insert(clone, notifications);
    }

    pub(super) fn create_promotion_notifications(&mut self, clone: ResourceIndex, promote: ActionIndex, promoted: ActionIndex) {
        let mut notifications = self.notifications.remove(&clone).unwrap_or_default();
        if notifications.promote.is_none() {
            notifications.promote = self.notification(clone, "promote", Some(promote), Some(promoted));
        }
        self.notifications.insert(clone, notifications);
    }

    pub(super) fn create_demotion_notifications(&mut self, clone: ResourceIndex, demote: ActionIndex, demoted: ActionIndex) {
        let mut notifications = self.notifications.remove(&clone).unwrap_or_default();
        if notifications.demote.is_none() {
            notifications.demote = self.notification(clone, "demote", Some(demote), Some(demoted));
            if notifications.promote.is_some() {
                self.order_notifications(&notifications.stop, &notifications.promote);
                self.order_notifications(&notifications.start, &notifications.promote);
                self.order_notifications(&notifications.demote, &notifications.promote);
                self.order_notifications(&notifications.demote, &notifications.start);
                self.order_notifications(&notifications.demote, &notifications.stop);
            }
        }
        self.notifications.insert(clone, notifications);
    }

    fn order_notifications(&mut self, first: &Option<Notification>, then: &Option<Notification>) {
        let done = first.as_ref().and_then(|first| first.post_done);
        let next = then.as_ref().and_then(|then| then.pre);
        if let (Some(done), Some(next)) = (done, next) {
            self.order(done, next, Relation::ORDERED);
        }
    }

    /// Makes the points around one kind of change, if the resource wants notifications.
    pub(super) fn notification(
        &mut self,
        resource: ResourceIndex,
        task: &'static str,
        action: Option<ActionIndex>,
        complete: Option<ActionIndex>,
    ) -> Option<Notification> {
        if !self.fact(resource).notify {
            return None;
        }
        let mut notification = Notification { task, ..Notification::default() };
        if let Some(action) = action {
            let pre = self.notification_point(resource, action, "notify", "pre");
            let pre_done = self.notification_point(resource, action, "notified", "confirmed-pre");
            for point in [pre, pre_done] {
                let point = self.a_mut(point);
                point.flags.set(Flags::RUNNABLE);
                point.set_meta("notify_type", "pre");
                point.set_meta("notify_operation", task);
            }
            self.order(pre, pre_done, Relation::ORDERED);
            self.order(pre_done, action, Relation::ORDERED);
            (notification.pre, notification.pre_done) = (Some(pre), Some(pre_done));
        }
        if let Some(complete) = complete {
            let post = self.notification_point(resource, complete, "notify", "post");
            let post_done = self.notification_point(resource, complete, "notified", "confirmed-post");
            let runnable = self.a(complete).has(Flags::RUNNABLE);
            for point in [post, post_done] {
                let point = self.a_mut(point);
                point.priority = Score::INFINITY.value();
                if runnable {
                    point.flags.set(Flags::RUNNABLE);
                } else {
                    point.flags.clear(Flags::RUNNABLE);
                }
                point.set_meta("notify_type", "post");
                point.set_meta("notify_operation", task);
            }
            self.order(complete, post, Relation::FIRST_IMPLIES_THEN);
            self.order(post, post_done, Relation::FIRST_IMPLIES_THEN);
            (notification.post, notification.post_done) = (Some(post), Some(post_done));
        }
        if let (Some(pre_done), Some(post)) = (notification.pre_done, notification.post) {
            self.order(pre_done, post, Relation::ORDERED);
        }
        Some(notification)
    }

    fn notification_point(&mut self, resource: ResourceIndex, action: ActionIndex, task: &str, kind: &str) -> ActionIndex {
        let (about, optional) = (self.a(action).task.clone(), self.a(action).has(Flags::OPTIONAL));
        let key = compact_str::format_compact!("{}_{kind}_notify_{about}_0", self.fact(resource).id);
        let point = self.action(resource, key, task, 0, None, optional);
        let action = self.a_mut(point);
        action.flags.set(Flags::PSEUDO);
        action.set_meta("notify_key_type", kind);
        action.set_meta("notify_key_operation", &about);
        point
    }

    /// Tells a clone's other instances of an instance that stops by the fencing of its node.
    pub(crate) fn notify_after_fencing(&mut self, stop: ActionIndex, resource: ResourceIndex, fencing: ActionIndex) {
        let Some(notification) = self.notification(resource, "stop", None, Some(fencing)) else { return };
        let mut news = self.collect_news(resource, &notification, false);
        let node = self.a(stop).node.map_or_else(String::new, |node| self.facts.node(node).name.to_string());
        news.keys.push(("notify_stop_resource", self.fact(resource).id.to_string()));
        news.keys.push(("notify_stop_uname", node));
        self.create_notify_actions(self.top(resource), &notification, &news);
    }

    /// Makes the notifications of a clone: to every instance, of everything that changes.
    pub(crate) fn create_clone_notifications(&mut self, clone: ResourceIndex) {
        let Some(notifications) = self.notifications.get(&clone).cloned() else { return };
        for notification in [notifications.start, notifications.stop, notifications.promote, notifications.demote].into_iter().flatten() {
            let mut news = self.collect_news(clone, &notification, true);
            self.add_news_keys(clone, &notification, &mut news);
            self.create_notify_actions(clone, &notification, &news);
        }
    }
}
