//! What a document became since its file was written: one record for each write, appended to a journal beside the file.
//!
//! A write of a few bytes so costs a few bytes. A journal names the digest of the file that it continues, and each record the
//! digest of all before it, so that neither the journal of another file nor the rest of an older one is ever taken for this one's.
//! What to write is decided here; whoever writes touches the disk and tells what came of it.

use crate::digest::{DigestForm, file_digest, md5};
use crate::patch::{Patch, apply, diff};
use std::sync::Arc;
use xml::{Element, Limits, parse};

/// How a journal begins; the digest of the file follows.
const HEAD: &str = "systole-journal 1 ";
/// The file is written anew when its journal has so many records.
const RECORDS_MAX: usize = 1000;
/// The same in bytes: they are read and carried out at the next start.
const BYTES_MAX: usize = 1 << 20;
/// A longer record goes to the file at once.
const RECORD_MAX: usize = 64 << 10;

/// What a writer has to do to make a document durable.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Writing {
    /// The file is written, with this digest beside it; the journal is of no use afterwards.
    Whole { digest: String },
    /// This goes behind the `at` bytes that the journal has; a journal begins at 0, whatever was there.
    Append { at: usize, bytes: Vec<u8> },
}

/// A writer's knowledge of a file and its journal.
#[derive(Clone, Debug, Default)]
pub struct Journal {
    known: Option<Known>,
    /// What is being written, and what is known once it is.
    under_way: Option<Known>,
}

#[derive(Clone, Debug)]
struct Known {
    /// What file and journal come to.
    cib: Arc<Element>,
    /// The digest of the last record, at first of the file.
    chain: String,
    records: usize,
    bytes: usize,
}

impl Journal {
    /// Returns how to make this version durable. Ends with [`Journal::written`] or [`Journal::failed`].
    pub fn write(&mut self, cib: &Arc<Element>, lineage: u64) -> Writing {
        match self.known.as_ref().and_then(|known| appended(known, cib, lineage)) {
            Some((at, bytes, next)) => {
                self.under_way = Some(next);
                Writing::Append { at, bytes }
            }
            None => Writing::Whole { digest: self.write_whole(cib) },
        }
    }

    /// Returns the digest that goes beside the file, which is written anew.
    pub fn write_whole(&mut self, cib: &Arc<Element>) -> String {
        let digest = file_digest(cib, DigestForm::default());
        self.under_way = Some(Known { cib: cib.clone(), chain: digest.clone(), records: 0, bytes: 0 });
        digest
    }

    /// What was to be written is durable.
    pub fn written(&mut self) {
        self.known = self.under_way.take();
    }

    /// It is not, and nobody knows how much of it reached the disk.
    ///
    /// Safety: nothing is ever appended behind a record that may be torn: the next write is that of the file.
    pub fn failed(&mut self) {
        (self.known, self.under_way) = (None, None);
    }
}

/// Returns the record that leads to this version; `None` where the file is better written anew.
fn appended(known: &Known, cib: &Arc<Element>, lineage: u64) -> Option<(usize, Vec<u8>, Known)> {
    let text = Patch { versions: None, ..diff(&known.cib, cib) }.to_xml().to_compact();
    // Safety: what will be read is what was meant, to the byte; whatever a patch cannot say goes to the file.
    if text.len() > RECORD_MAX || carried_out(&text, &known.cib).ok()? != **cib {
        return None;
    }
    let chain = chained(&known.chain, lineage, &text);
    let record = format!("{} {lineage} {chain}\n{text}\n", text.len());
    let bytes = if known.records == 0 { format!("{HEAD}{}\n{record}", known.chain) } else { record }.into_bytes();
    let next = Known { cib: cib.clone(), chain, records: known.records + 1, bytes: known.bytes + bytes.len() };
    (next.records <= RECORDS_MAX && next.bytes <= BYTES_MAX).then_some((known.bytes, bytes, next))
}

fn chained(before: &str, lineage: u64, text: &str) -> String {
    md5(&format!("{before} {lineage} {text}"))
}

fn carried_out(text: &str, cib: &Element) -> Result<Element, String> {
    let element = parse(text.as_bytes(), &Limits::default()).map_err(|error| error.to_string())?;
    let patch = Patch::from_xml(&element).map_err(|error| error.to_string())?;
    apply(&patch, cib, false).map_err(|error| error.to_string())
}

/// What a file and its journal come to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Replayed {
    pub cib: Element,
    /// What the last record says; `None` without any.
    pub lineage: Option<u64>,
    pub records: usize,
    /// What follows the last whole record: it was being written when the power went, or the journal is damaged.
    pub rest: Rest,
}

/// What follows the last whole record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Rest {
    Nothing,
    /// A record that was not finished. Safety: it was never acknowledged, since that waits for the whole of it to be durable.
    Torn,
    /// Whole records that nothing leads to; for people.
    Damaged(String),
}

/// Returns the digest of the file that a journal continues; `None` when it does not even have that.
pub fn continues(journal: &[u8]) -> Option<&str> {
    let line = journal.split(|byte| *byte == b'\n').next().filter(|line| line.len() < journal.len())?;
    std::str::from_utf8(line).ok()?.strip_prefix(HEAD)
}

/// Carries a journal out on the file that it continues.
pub fn replay(cib: Element, journal: &[u8]) -> Replayed {
    let mut replayed = Replayed { cib, lineage: None, records: 0, rest: Rest::Nothing };
    let Some(digest) = continues(journal) else {
        replayed.rest = if journal.is_empty() { Rest::Nothing } else { Rest::Torn };
        return replayed;
    };
    let (mut chain, mut left) = (digest.to_owned(), &journal[HEAD.len() + digest.len() + 1..]);
    while !left.is_empty() {
        let Some((record, after)) = Record::first(left) else {
            replayed.rest = Rest::Torn;
            return replayed;
        };
        let is_next = record.chain == chained(&chain, record.lineage, record.text);
        let carried_out = if is_next { carried_out(record.text, &replayed.cib) } else { Err("it has another digest".to_owned()) };
        match carried_out {
            Ok(cib) => replayed.cib = cib,
            // A disk may write the end of a record before its beginning: it is torn, too, where it is the last.
            Err(_) if !is_next && after.is_empty() => {
                replayed.rest = Rest::Torn;
                return replayed;
            }
            Err(reason) => {
                replayed.rest = Rest::Damaged(format!("record {}: {reason}", replayed.records + 1));
                return replayed;
            }
        }
        (replayed.lineage, replayed.records) = (Some(record.lineage), replayed.records + 1);
        record.chain.clone_into(&mut chain);
        left = after;
    }
    replayed
}

struct Record<'a> {
    lineage: u64,
    chain: &'a str,
    text: &'a str,
}

impl<'a> Record<'a> {
    /// Returns the record in front and what follows it; `None` when its form is not that of a whole one.
    fn first(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let mut words = std::str::from_utf8(&bytes[..end]).ok()?.split(' ');
        let (length, lineage, chain) = (words.next()?.parse::<usize>().ok()?, words.next()?.parse().ok()?, words.next()?);
        let rest = &bytes[end + 1..];
        if words.next().is_some() || rest.len() <= length || rest[length] != b'\n' {
            return None;
        }
        let text = std::str::from_utf8(&rest[..length]).ok()?;
        Some((Self { lineage, chain, text }, &rest[length + 1..]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(number: u64) -> Arc<Element> {
        let options = format!("<nvpair id=\"a\" name=\"it's\" value=\"{number}&#10;&lt;é\"/><!-- {number} -->");
        let text = format!(
            "<cib epoch=\"{number}\" num_updates=\"0\" admin_epoch=\"0\"><configuration><o>{options}</o></configuration><status/></cib>"
        );
        Arc::new(parse(text.as_bytes(), &Limits::default()).unwrap())
    }

    /// Writes these versions after the first, which is in the file; returns the file's document, the journal, and where its records end.
    fn written(count: u64) -> (Element, Vec<u8>, Vec<usize>) {
        let mut journal = Journal::default();
        assert!(matches!(journal.write(&version(1), 1), Writing::Whole { .. }), "nothing is known of the disk yet");
        journal.written();
        let (mut bytes, mut ends) = (Vec::new(), Vec::new());
        for number in 2..=count {
            let Writing::Append { at, bytes: more } = journal.write(&version(number), number) else { panic!("a small change") };
            assert_eq!(at, bytes.len());
            journal.written();
            bytes.extend(more);
            ends.push(bytes.len());
        }
        ((*version(1)).clone(), bytes, ends)
    }

    #[test]
    fn what_was_written_is_read_again() {
        let (file, bytes, _) = written(5);
        assert_eq!(continues(&bytes), Some(file_digest(&file, DigestForm::default()).as_str()));
        let replayed = replay(file, &bytes);
        assert_eq!(replayed, Replayed { cib: (*version(5)).clone(), lineage: Some(5), records: 4, rest: Rest::Nothing });
    }

    #[test]
    fn wherever_the_power_goes_all_whole_records_are_there() {
        let (file, bytes, ends) = written(4);
        for length in 0..=bytes.len() {
            let replayed = replay(file.clone(), &bytes[..length]);
            let whole = ends.iter().filter(|end| **end <= length).count();
            assert_eq!((replayed.records, &replayed.cib), (whole, &*version(1 + whole as u64)), "{length} bytes");
            let head = continues(&bytes).unwrap().len() + HEAD.len() + 1;
            assert_eq!(replayed.rest == Rest::Torn, length > 0 && length != head && !ends.contains(&length), "{length} bytes");
        }
    }

    #[test]
    fn a_changed_byte_is_never_taken_for_what_was_written() {
        let (file, bytes, ends) = written(4);
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            let whole = ends.iter().filter(|end| **end <= at).count();
            let continued = continues(&changed).is_some_and(|digest| digest == file_digest(&file, DigestForm::default()));
            let replayed = replay(file.clone(), &changed);
            if continued {
                assert_eq!((replayed.records, &replayed.cib), (whole, &*version(1 + whole as u64)), "byte {at}");
                assert_ne!(replayed.rest, Rest::Nothing, "byte {at}");
            }
        }
        let mut changed = bytes.clone();
        changed[ends[0] - 3] ^= 1;
        assert!(matches!(replay(file, &changed).rest, Rest::Damaged(_)), "whole records follow: that is no torn end");
    }

    #[test]
    fn after_a_failure_and_after_too_much_the_file_is_written() {
        let mut journal = Journal::default();
        let Writing::Whole { .. } = journal.write(&version(1), 1) else { panic!() };
        journal.written();
        assert!(matches!(journal.write(&version(2), 1), Writing::Append { .. }));
        journal.failed();
        assert!(matches!(journal.write(&version(2), 1), Writing::Whole { .. }));
        journal.written();
        let mut large = (*version(3)).clone();
        large.push(Element::new("x").with("text", "x".repeat(RECORD_MAX)));
        assert!(matches!(journal.write(&Arc::new(large), 1), Writing::Whole { .. }));
        journal.written();
        let kinds: Vec<bool> = (4..4 + RECORDS_MAX as u64 + 2)
            .map(|number| {
                let is_whole = matches!(journal.write(&version(number), 1), Writing::Whole { .. });
                journal.written();
                is_whole
            })
            .collect();
        assert_eq!(kinds.iter().filter(|is_whole| **is_whole).count(), 1, "once for all of them");
    }

    #[test]
    fn a_lineage_that_alone_changed_is_recorded() {
        let mut journal = Journal::default();
        journal.write(&version(1), 1);
        journal.written();
        let Writing::Append { bytes, .. } = journal.write(&version(1), 2) else { panic!() };
        assert_eq!(replay((*version(1)).clone(), &bytes).lineage, Some(2));
    }

    #[test]
    fn a_document_that_no_patch_leads_to_goes_to_the_file() {
        let mut journal = Journal::default();
        journal.write(&version(1), 1);
        journal.written();
        let other = Arc::new(Element { name: "other".into(), ..(*version(2)).clone() });
        assert!(matches!(journal.write(&other, 1), Writing::Whole { .. }));
    }
}
