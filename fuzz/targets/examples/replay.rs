//! Gives a target one input again: `cargo run -p targets --example replay TARGET FILE`.

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, file] = arguments.as_slice() else { panic!("wanted: TARGET FILE") };
    let input = std::fs::read(file).unwrap_or_else(|error| panic!("{file}: {error}"));
    targets::target(name).unwrap_or_else(|| panic!("there is no target {name}"))(&input);
}
