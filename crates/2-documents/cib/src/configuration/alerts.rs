//! Alerts: programs that are told what happens.

use crate::NvSets;
use crate::references::References;
use xml::Element;

/// One alert program.
#[derive(Clone, Debug)]
pub struct Alert<'a> {
    pub element: &'a Element,
    pub id: &'a str,
    pub path: &'a str,
    pub meta: NvSets<'a>,
    pub parameters: NvSets<'a>,
    /// `None` means the usual: nodes, fencing and resources.
    pub select: Option<AlertSelect<'a>>,
    /// The program is run once for each, or once without when there is none.
    pub recipients: Vec<Recipient<'a>>,
}

/// Which events an alert is told.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AlertSelect<'a> {
    pub nodes: bool,
    pub fencing: bool,
    pub resources: bool,
    /// `None`: none; empty: all; else the names of node attributes.
    pub attributes: Option<Vec<&'a str>>,
}

/// To whom an alert goes.
#[derive(Clone, Debug)]
pub struct Recipient<'a> {
    pub element: &'a Element,
    pub id: &'a str,
    pub value: &'a str,
    pub meta: NvSets<'a>,
    pub parameters: NvSets<'a>,
}

impl<'a> Alert<'a> {
    pub(crate) fn new(element: &'a Element, references: &mut References<'a>) -> Self {
        Self {
            element,
            id: element.id().unwrap_or_default(),
            path: element.attribute("path").unwrap_or_default(),
            meta: NvSets::below(&[Some(element)], "meta_attributes", references),
            parameters: NvSets::below(&[Some(element)], "instance_attributes", references),
            select: element.child("select").map(AlertSelect::new),
            recipients: element.elements_named("recipient").map(|e| Recipient::new(e, references)).collect(),
        }
    }
}

impl<'a> AlertSelect<'a> {
    fn new(element: &'a Element) -> Self {
        Self {
            nodes: element.child("select_nodes").is_some(),
            fencing: element.child("select_fencing").is_some(),
            resources: element.child("select_resources").is_some(),
            attributes: element
                .child("select_attributes")
                .map(|a| a.elements_named("attribute").filter_map(|e| e.attribute("name")).collect()),
        }
    }
}

impl<'a> Recipient<'a> {
    fn new(element: &'a Element, references: &mut References<'a>) -> Self {
        Self {
            element,
            id: element.id().unwrap_or_default(),
            value: element.attribute("value").unwrap_or_default(),
            meta: NvSets::below(&[Some(element)], "meta_attributes", references),
            parameters: NvSets::below(&[Some(element)], "instance_attributes", references),
        }
    }
}
