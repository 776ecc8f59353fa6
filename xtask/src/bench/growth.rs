//! How the time grows: the exponents of nodes and of resources, fitted over a grid of generated clusters.

use super::Bench;
use super::clusters::Cluster;
use super::report::{Table, number};
use super::usage::{measure, median};
use std::time::Duration;

const NODES: [u32; 4] = [8, 16, 32, 64];
const RESOURCES: [u32; 4] = [250, 500, 1000, 2000];

/// Measures the grid in both scenarios.
pub fn run(bench: &Bench) -> anyhow::Result<String> {
    let mut table = Table::new(&["scenario", "exponent of nodes", "exponent of resources", "N·R·log R would be", "s at 64 × 2000"]);
    for scenario in ["steady", "cold"] {
        let mut points = Vec::new();
        for (nodes, resources) in NODES.into_iter().flat_map(|n| RESOURCES.map(|r| (n, r))) {
            let path = Cluster::new(nodes, resources, scenario).generate(&bench.generator, &bench.folder)?;
            let name = path.to_string_lossy().into_owned();
            let run = |_| measure(&bench.simulate, &["-S", "-x", &name], Duration::from_secs(300), &bench.folder);
            let runs: Vec<_> = (0..3).map(run).collect::<Result<_, _>>()?;
            points.push((f64::from(nodes), f64::from(resources), median(runs).expect("three runs").cpu));
        }
        let (of_nodes, of_resources) = fit(&points);
        let claim: Vec<_> = points.iter().map(|&(n, r, _)| (n, r, n * r * r.ln())).collect();
        let (claimed_nodes, claimed_resources) = fit(&claim);
        let last = points.last().map_or(0.0, |point| point.2);
        table.row(&[
            scenario.to_owned(),
            number(of_nodes),
            number(of_resources),
            format!("{}, {}", number(claimed_nodes), number(claimed_resources)),
            number(last),
        ]);
    }
    Ok(table.finish())
}

/// Returns the exponents a and b of the time c·nᵃ·rᵇ that fits best (least squares of the logarithms, on a full grid,
/// where the two are independent of each other).
fn fit(points: &[(f64, f64, f64)]) -> (f64, f64) {
    let slope = |x: &dyn Fn(&(f64, f64, f64)) -> f64| {
        let count = points.len() as f64;
        let (mean_x, mean_y) =
            (points.iter().map(|p| x(p).ln()).sum::<f64>() / count, points.iter().map(|p| p.2.ln()).sum::<f64>() / count);
        let both: f64 = points.iter().map(|p| (x(p).ln() - mean_x) * (p.2.ln() - mean_y)).sum();
        both / points.iter().map(|p| (x(p).ln() - mean_x).powi(2)).sum::<f64>()
    };
    (slope(&|p| p.0), slope(&|p| p.1))
}

#[cfg(test)]
mod tests {
    use super::fit;

    #[test]
    fn the_fit_finds_the_exponents_of_an_exact_law() {
        let grid = [1.0, 2.0, 4.0].into_iter().flat_map(|n: f64| [10.0, 30.0].map(|r: f64| (n, r, 7.0 * n.powf(1.5) * r.powf(0.5))));
        let (a, b) = fit(&grid.collect::<Vec<_>>());
        assert!((a - 1.5).abs() < 1e-9 && (b - 0.5).abs() < 1e-9, "{a} {b}");
    }
}
