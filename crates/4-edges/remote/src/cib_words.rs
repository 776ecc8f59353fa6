//! What a client of the CIB from another host and a member say to each other: the protocol of Pacemaker's CIB manager, in XML.
//!
//! Compat: names of elements and attributes are those of Pacemaker 1.1 to 2.1.

use messages::agent::Secret;
use messages::client::{CibEdit, ClientBody, ClientError, ReplyBody};
use xml::{Element, Limits};

/// The only element that clients send.
const COMMAND: &str = "cib_command";
/// Options of a call, as bits.
const XPATH: i64 = 0x2;
const MULTIPLE: i64 = 0x4;
const CAN_CREATE: i64 = 0x8;
const DISCARD_REPLY: i64 = 0x10;
const NO_CHILDREN: i64 = 0x20;
const XPATH_ADDRESS: i64 = 0x40;
const DRY_RUN: i64 = 0x200;
const SYNC_CALL: i64 = 0x1000;
const FORCE: i64 = 0x10_0000;

/// A result, the exit code of tools that it stands for, and what Pacemaker's libraries would say.
const RESULTS: [(i64, i32, &str); 13] = [
    (-13, 4, "Permission denied"),
    (-1, 4, "Operation not permitted"),
    (-22, 64, "Invalid argument"),
    (-206, 65, "Application of update diff failed"),
    (-203, 78, "Update does not conform to the configured schema"),
    (-107, 102, "Transport endpoint is not connected"),
    (-205, 103, "Update was older than existing configuration"),
    (-6, 105, "No such device or address"),
    (-202, 106, "Operation requires quorum"),
    (-17, 108, "File exists"),
    (-76, 109, "Name not unique on network"),
    (-62, 124, "Timer expired"),
    (-95, 3, "Operation not supported"),
];
/// The result of anything else that failed, and of an upgrade of what is of the newest schema already.
const OTHER: i64 = -201;
const SCHEMA_UNCHANGED: i64 = -211;

/// Which operations of clients are which changes.
const EDITS: [(&str, &str); 8] = [
    ("cib_create", "create"),
    ("cib_modify", "modify"),
    ("cib_replace", "replace"),
    ("cib_delete", "delete"),
    ("cib_erase", "erase"),
    ("cib_bump", "bump"),
    ("cib_upgrade", "upgrade"),
    ("cib_apply_diff", "patch"),
];
const QUERY: &str = "cib_query";

/// What identifies a call in its answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Call {
    operation: String,
    id: String,
    options: i64,
}

impl Call {
    /// Returns whether the client wants to hear of it.
    pub fn wants_answer(&self) -> bool {
        self.options & DISCARD_REPLY == 0
    }
}

/// What a client wants.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Wish {
    /// To be called by this name.
    Hello {
        name: Option<String>,
    },
    /// To hear of every change of the CIB, or no more.
    Follow(bool),
    Ask {
        call: Call,
        body: ClientBody,
    },
    /// An answer at once: nothing to do, or nothing that can be done.
    Answer {
        call: Call,
        result: i64,
    },
    /// Nothing that would be answered.
    Nothing,
}

/// Who wants to come in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Login {
    pub user: String,
    pub password: Secret,
    /// The program, where it says so here.
    pub program: Option<String>,
}

/// Returns the first message of a client.
///
/// Compat: Pacemaker's clients name their program in a message of its own that is not answered. A member of 2.1 that is spoken to in
/// the clear loses what follows so closely; it knows the name from here as well.
pub(crate) fn login(user: &str, password: &Secret, program: &str) -> Element {
    let login = Element::new(COMMAND).with("op", "authenticate").with("user", user).with("password", &password.0);
    login.with("hidden", "password").with("name", program)
}

/// Returns who wants to come in, if the message is a login.
pub(crate) fn read_login(message: &Element) -> Option<Login> {
    let is_login = message.name == COMMAND && message.attribute("op") == Some("authenticate");
    let text = |name: &str| message.attribute(name).map(str::to_owned);
    is_login.then(|| Some(Login { user: text("user")?, password: Secret(text("password")?), program: text("name") })).flatten()
}

/// Returns the word that a client is let in under this name.
pub(crate) fn welcome(token: &str) -> Element {
    Element::new("cib_result").with("cib_op", "register").with("cib_clientid", token)
}

/// Returns the name that a client was let in under.
pub(crate) fn read_welcome(message: &Element) -> Option<&str> {
    message.attribute("cib_clientid").filter(|_| message.attribute("cib_op") == Some("register"))
}

fn command(token: &str, operation: &str, id: u64, options: i64) -> Element {
    Element::new(COMMAND)
        .with("__name__", COMMAND)
        .with("t", "cib")
        .with("cib_async_id", token)
        .with("cib_op", operation)
        .with("cib_callid", id.to_string())
        .with("cib_callopt", options.to_string())
}

/// Returns a request as it is sent; `None` for what this protocol has no words for.
pub(crate) fn request(token: &str, id: u64, body: &ClientBody) -> Option<Element> {
    match body {
        ClientBody::CibQuery { section, xpath, without_children } => {
            let options = SYNC_CALL | flag(xpath.is_some(), XPATH) | flag(*without_children, NO_CHILDREN);
            Some(with_section(command(token, QUERY, id, options), xpath.as_deref().or(section.as_deref())))
        }
        ClientBody::CibEdit { edit, .. } => {
            let is_all = edit.operation == "delete-all";
            let name = if is_all { "delete" } else { edit.operation.as_str() };
            let operation = EDITS.iter().find(|(_, ours)| *ours == name)?.0;
            let options = SYNC_CALL
                | flag(edit.xpath.is_some(), XPATH)
                | flag(is_all, MULTIPLE)
                | flag(edit.allow_create, CAN_CREATE)
                | flag(edit.dry_run, DRY_RUN)
                | flag(edit.force, FORCE);
            let message = with_section(command(token, operation, id, options), edit.xpath.as_deref().or(edit.section.as_deref()));
            match &edit.xml {
                Some(text) => {
                    let data = xml::parse(text.as_bytes(), &Limits::default()).ok()?;
                    Some(message.with_child(Element::new("cib_calldata").with_child(data)))
                }
                None => Some(message),
            }
        }
        _ => None,
    }
}

fn flag(is_set: bool, bit: i64) -> i64 {
    if is_set { bit } else { 0 }
}

fn with_section(message: Element, section: Option<&str>) -> Element {
    match section {
        Some(section) => message.with("cib_section", section),
        None => message,
    }
}

/// Returns what a message of a client that was let in means.
pub(crate) fn read(message: &Element) -> Wish {
    if message.name != COMMAND {
        return Wish::Nothing;
    }
    let operation = message.attribute("cib_op").unwrap_or_default().to_owned();
    let options = message.attribute("cib_callopt").and_then(|text| text.trim().parse().ok()).unwrap_or(0);
    let call = Call { id: message.attribute("cib_callid").unwrap_or_default().to_owned(), options, operation };
    let is = |bit: i64| options & bit != 0;
    let section = message.attribute("cib_section").filter(|section| !section.is_empty()).map(str::to_owned);
    let (section, xpath) = if is(XPATH) { (None, section) } else { (section.filter(|name| name != "all"), None) };
    match call.operation.as_str() {
        "register" => Wish::Hello { name: message.attribute("cib_clientname").map(str::to_owned) },
        // Of other things that happen nobody outside the cluster makes use.
        "cib_notify" if message.attribute("cib_notify_type") == Some("cib_diff_notify") => {
            Wish::Follow(message.attribute("cib_notify_activate").is_some_and(|text| text.trim() != "0"))
        }
        "cib_notify" => Wish::Nothing,
        "noop" => Wish::Answer { call, result: 0 },
        QUERY if !is(XPATH_ADDRESS) => Wish::Ask { call, body: ClientBody::CibQuery { section, xpath, without_children: is(NO_CHILDREN) } },
        operation => {
            let Some((_, edit)) = EDITS.iter().find(|(theirs, _)| *theirs == operation) else {
                return Wish::Answer { call, result: -95 };
            };
            let edit = CibEdit {
                operation: if *edit == "delete" && is(MULTIPLE) { "delete-all".to_owned() } else { (*edit).to_owned() },
                section,
                xpath,
                xml: message.child("cib_calldata").and_then(|data| data.elements().next()).map(Element::to_compact),
                allow_create: is(CAN_CREATE),
                // Compat: what changes an object may count, whoever asks.
                expand_increments: *edit == "modify",
                force: is(FORCE),
                dry_run: is(DRY_RUN),
            };
            Wish::Ask { call, body: ClientBody::CibEdit { request: String::new(), edit } }
        }
    }
}

/// Returns the answer to a call.
pub(crate) fn answer(token: &str, call: &Call, outcome: &Result<ReplyBody, ClientError>) -> Element {
    match outcome {
        Ok(ReplyBody::Xml(text)) => match xml::parse(text.as_bytes(), &Limits::default()) {
            Ok(found) => reply(token, call, 0).with_child(Element::new("cib_calldata").with_child(found)),
            Err(_) => reply(token, call, 0),
        },
        Ok(_) => reply(token, call, 0),
        Err(error) => {
            let result = RESULTS.iter().find(|(_, exit, _)| *exit == error.exit_code).map_or(OTHER, |(result, ..)| *result);
            // Pacemaker's clients make words of the number and look at nothing else.
            reply(token, call, result).with("systole_reason", &error.message)
        }
    }
}

/// Returns an answer that is all in its number.
pub(crate) fn reply(token: &str, call: &Call, result: i64) -> Element {
    Element::new("cib-reply")
        .with("t", "cib")
        .with("cib_op", &call.operation)
        .with("cib_callid", &call.id)
        .with("cib_clientid", token)
        .with("cib_callopt", call.options.to_string())
        .with("cib_rc", result.to_string())
}

/// Returns the answer in a message, if it is one to the call of this number.
pub(crate) fn read_answer(message: &Element, id: u64) -> Option<Result<ReplyBody, ClientError>> {
    if message.attribute("cib_callid") != Some(id.to_string().as_str()) {
        return None;
    }
    let result = message.attribute("cib_rc").and_then(|text| text.trim().parse::<i64>().ok());
    if result == Some(0) || result == Some(SCHEMA_UNCHANGED) {
        let found = message.child("cib_calldata").and_then(|data| data.elements().next());
        return Some(Ok(found.map_or(ReplyBody::Done, |found| ReplyBody::Xml(found.to_compact()))));
    }
    let known = RESULTS.iter().find(|(known, ..)| Some(*known) == result);
    let words = message.attribute("systole_reason").or(known.map(|(.., words)| *words));
    let message = words.map_or_else(|| format!("the cluster answered with code {}", result.unwrap_or(OTHER)), str::to_owned);
    Some(Err(ClientError { exit_code: known.map_or(1, |(_, exit, _)| *exit), message }))
}

/// Returns the news of a change of the CIB, from the text of the patch.
pub(crate) fn notice(patch: &str) -> Option<Element> {
    let patch = xml::parse(patch.as_bytes(), &Limits::default()).ok()?;
    let version = patch.descend(&["version", "target"]);
    let mut generation = Element::new("generation_tuple");
    for (name, value) in version.into_iter().flat_map(|version| &version.attributes) {
        generation.set(name, value.as_str());
    }
    let notice = Element::new("notify")
        .with("t", "cib_notify")
        .with("subt", "cib_diff_notify")
        .with("cib_op", "cib_apply_diff")
        .with("cib_rc", "0")
        .with("cib_object_type", "diff");
    Some(
        notice
            .with_child(Element::new("cib_generation").with_child(generation))
            .with_child(Element::new("cib_update_result").with_child(patch)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Element {
        xml::parse(text.as_bytes(), &Limits::default()).unwrap()
    }

    #[test]
    fn what_pacemaker_s_client_sends_is_understood() {
        let login = parse("<cib_command op=\"authenticate\" user=\"anna\" password=\"geheim\" hidden=\"password\"/>");
        let expected = Login { user: "anna".to_owned(), password: Secret("geheim".to_owned()), program: None };
        assert_eq!(read_login(&login), Some(expected.clone()));
        let ours = super::login("anna", &expected.password, "cibadmin");
        assert_eq!(read_login(&ours), Some(Login { program: Some("cibadmin".to_owned()), ..expected }));
        let message = parse(
            "<cib_command __name__=\"cib_command\" t=\"cib\" cib_async_id=\"x\" cib_op=\"cib_delete\" cib_section=\"//primitive\" \
             cib_callid=\"3\" cib_callopt=\"4102\"/>",
        );
        let Wish::Ask { call, body: ClientBody::CibEdit { edit, .. } } = read(&message) else { panic!("{:?}", read(&message)) };
        assert_eq!((edit.operation.as_str(), edit.xpath.as_deref(), edit.section), ("delete-all", Some("//primitive"), None));
        assert_eq!(
            reply("y", &call, -6).to_compact(),
            "<cib-reply t=\"cib\" cib_op=\"cib_delete\" cib_callid=\"3\" cib_clientid=\"y\" cib_callopt=\"4102\" cib_rc=\"-6\"/>"
        );
    }

    #[test]
    fn a_request_means_the_same_on_the_other_side() {
        let edit = CibEdit {
            operation: "modify".into(),
            section: Some("resources".into()),
            xml: Some("<primitive id=\"a\"/>".into()),
            allow_create: true,
            expand_increments: true,
            force: true,
            dry_run: true,
            ..CibEdit::default()
        };
        let query = |section: Option<&str>, xpath: Option<&str>, without_children| ClientBody::CibQuery {
            section: section.map(str::to_owned),
            xpath: xpath.map(str::to_owned),
            without_children,
        };
        let bodies = [
            ClientBody::CibEdit { request: String::new(), edit: edit.clone() },
            ClientBody::CibEdit {
                request: String::new(),
                edit: CibEdit { operation: "delete-all".into(), xpath: Some("//a".into()), ..CibEdit::default() },
            },
            query(None, None, false),
            query(Some("nodes"), None, true),
            query(None, Some("//primitive"), false),
        ];
        for body in bodies {
            let message = request("t", 7, &body).unwrap();
            assert!(matches!(read(&message), Wish::Ask { body: read, .. } if read == body), "{message:?}");
        }
        assert_eq!(request("t", 1, &ClientBody::Info), None);
    }

    #[test]
    fn an_answer_says_the_same_on_the_other_side() {
        let Wish::Ask { call, .. } =
            read(&request("t", 7, &ClientBody::CibQuery { section: None, xpath: None, without_children: false }).unwrap())
        else {
            panic!("no request")
        };
        let error = |exit_code, message: &str| ClientError { exit_code, message: message.into() };
        for outcome in [
            Ok(ReplyBody::Done),
            Ok(ReplyBody::Xml("<cib epoch=\"1\"/>".into())),
            Err(error(105, "there is no such thing")),
            Err(error(4, "Permission denied")),
            Err(error(1, "something else")),
        ] {
            assert_eq!(read_answer(&answer("t", &call, &outcome), 7), Some(outcome));
        }
        assert_eq!(read_answer(&answer("t", &call, &Ok(ReplyBody::Done)), 8), None);
        let theirs = reply("t", &call, -205);
        assert_eq!(read_answer(&theirs, 7), Some(Err(error(103, "Update was older than existing configuration"))));
    }

    #[test]
    fn rubbish_asks_for_nothing() {
        assert_eq!(read(&parse("<lrmd_command lrmd_op=\"register\"/>")), Wish::Nothing);
        assert_eq!(read_login(&parse("<cib_command op=\"authenticate\" user=\"anna\"/>")), None);
        assert!(matches!(read(&parse("<cib_command cib_op=\"dance\" cib_callopt=\"x\"/>")), Wish::Answer { result: -95, .. }));
        assert_eq!(notice("<diff"), None);
    }

    #[test]
    fn a_change_is_told_in_the_field_s_words() {
        let patch = "<diff format=\"2\"><version><source admin_epoch=\"0\" epoch=\"1\" num_updates=\"0\"/>\
                     <target admin_epoch=\"0\" epoch=\"2\" num_updates=\"0\"/></version></diff>";
        let text = notice(patch).unwrap().to_compact();
        assert!(text.starts_with("<notify t=\"cib_notify\" subt=\"cib_diff_notify\""), "{text}");
        assert!(text.contains("<generation_tuple admin_epoch=\"0\" epoch=\"2\" num_updates=\"0\"/>"), "{text}");
        assert!(text.ends_with(&format!("<cib_update_result>{patch}</cib_update_result></notify>")), "{text}");
    }
}
