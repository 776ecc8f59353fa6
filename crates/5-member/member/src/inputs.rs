//! Under which name the input of a plan is saved: the series says how the plan went, the number goes round.
//!
//! Compat: names, series and options (`pe-input-series-max` and its kin) are Pacemaker's; so is that 0 saves nothing and a
//! negative number never goes round.

use crate::options;
use std::collections::BTreeMap;
use transition::Plan;
use xml::Element;

/// The series, from the worst outcome to the best, with the option that limits each and the limit without it.
const SERIES: [(&str, &str, i64); 3] =
    [("pe-error", "pe-error-series-max", -1), ("pe-warn", "pe-warn-series-max", 5000), ("pe-input", "pe-input-series-max", 4000)];

/// Returns the names of all series, for whoever must find out where each stands.
pub fn series() -> impl Iterator<Item = &'static str> {
    SERIES.iter().map(|(name, ..)| *name)
}

/// The numbers that come next.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inputs {
    next: BTreeMap<&'static str, u64>,
}

/// Where an input goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    pub name: String,
    pub next: u64,
}

impl Inputs {
    /// Returns the numbers as the storage edge knows them.
    pub(crate) fn new(known: &BTreeMap<String, u64>) -> Self {
        Self { next: series().filter_map(|name| Some((name, *known.get(name)?))).collect() }
    }

    /// Returns the place for the input of a plan, or of one that could not be made; nothing where none is to be kept.
    pub(crate) fn place(&mut self, cib: &Element, plan: Option<&Plan>) -> Option<Place> {
        let (series, option, default) = SERIES[match plan {
            None => 0,
            Some(plan) if plan.problems.iter().any(|problem| problem.is_error) => 0,
            Some(plan) if !plan.problems.is_empty() => 1,
            Some(_) => 2,
        }];
        let limit = options::option(cib, &[option]).and_then(|text| text.trim().parse().ok()).unwrap_or(default);
        let limit = match limit {
            0 => return None,
            limit => u64::try_from(limit).ok(),
        };
        let wrapped = |number: u64| limit.map_or(number, |limit| if number < limit { number } else { 0 });
        let number = wrapped(self.next.get(series).copied().unwrap_or(0));
        let next = wrapped(number + 1);
        self.next.insert(series, next);
        Some(Place { name: format!("{series}-{number}.bz2"), next })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use transition::Problem;

    fn plan(problems: &[bool]) -> Plan {
        let problems = problems.iter().map(|is_error| Problem { is_error: *is_error, text: String::new() });
        Plan { problems: problems.collect(), ..Plan::default() }
    }

    fn cib(options: &[(&str, &str)]) -> Element {
        let pairs = options
            .iter()
            .map(|(name, value)| Element::new("nvpair").with("id", format!("o-{name}")).with("name", name).with("value", value));
        let set = Element::new("cluster_property_set").with("id", "o").with_children(pairs);
        let configuration = Element::new("configuration").with_child(Element::new("crm_config").with_child(set));
        Element::new("cib").with_child(configuration)
    }

    #[test]
    fn the_outcome_chooses_the_series() {
        let cib = cib(&[]);
        let known: BTreeMap<String, u64> = [("pe-input".to_owned(), 12), ("pe-warn".to_owned(), 4999)].into();
        let mut inputs = Inputs::new(&known);
        let mut name = |plan: Option<&Plan>| inputs.place(&cib, plan).map(|place| (place.name, place.next));
        assert_eq!(name(Some(&plan(&[]))), Some(("pe-input-12.bz2".into(), 13)));
        assert_eq!(name(Some(&plan(&[false]))), Some(("pe-warn-4999.bz2".into(), 0)));
        assert_eq!(name(Some(&plan(&[false]))), Some(("pe-warn-0.bz2".into(), 1)));
        assert_eq!(name(Some(&plan(&[false, true]))), Some(("pe-error-0.bz2".into(), 1)));
        assert_eq!(name(None), Some(("pe-error-1.bz2".into(), 2)));
        assert_eq!(name(Some(&plan(&[]))), Some(("pe-input-13.bz2".into(), 14)));
    }

    #[test]
    fn options_limit_each_series() {
        let cases: [(&str, &[u64]); 5] =
            [("3", &[0, 1, 2, 0, 1]), ("1", &[0, 0, 0, 0, 0]), ("0", &[]), ("-1", &[0, 1, 2, 3, 4]), ("many", &[0, 1, 2, 3, 4])];
        for (limit, expected) in cases {
            let cib = cib(&[("pe-input-series-max", limit)]);
            let mut inputs = Inputs::default();
            let names: Vec<String> = (0..5).filter_map(|_| inputs.place(&cib, Some(&plan(&[])))).map(|place| place.name).collect();
            let wanted: Vec<String> = expected.iter().map(|number| format!("pe-input-{number}.bz2")).collect();
            assert_eq!(names, wanted, "{limit}");
        }
    }
}
