//! Values that are computed from the value before: `value++`, `value+=5`, `NAME++`.

use model::Score;

/// Returns the value that a wish comes to. Compat: sums are clamped at the infinities, and what is no number counts as zero.
pub fn expanded(name: &str, wish: &str, before: Option<&str>) -> String {
    let Some(rest) = wish.strip_prefix("value").or_else(|| wish.strip_prefix(name)) else { return wish.to_owned() };
    let step = match rest {
        "++" => Some(1),
        "--" => Some(-1),
        _ => rest
            .strip_prefix("+=")
            .and_then(|n| n.trim().parse::<i64>().ok())
            .or_else(|| rest.strip_prefix("-=").and_then(|n| n.trim().parse::<i64>().ok()).map(|n| -n)),
    };
    let Some(step) = step else { return wish.to_owned() };
    let before = before.and_then(Score::parse).unwrap_or_default();
    let step = Score::new(step.clamp(-1_000_000, 1_000_000) as i32);
    (before + step).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn increments_are_computed_and_other_values_kept() {
        for (wish, before, after) in [
            ("value++", None, "1"),
            ("value++", Some("3"), "4"),
            ("a++", Some("3"), "4"),
            ("value+=5", Some("3"), "8"),
            ("value-=5", Some("3"), "-2"),
            ("value++", Some("INFINITY"), "INFINITY"),
            ("value", Some("3"), "value"),
            ("12", Some("3"), "12"),
            ("a+b", Some("3"), "a+b"),
        ] {
            assert_eq!(expanded("a", wish, before), after, "{wish} on {before:?}");
        }
    }
}
