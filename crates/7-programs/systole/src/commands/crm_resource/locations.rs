//! Moving, banning and clearing.

use super::{Arguments, Scene, failed, refused, usage};
use crate::commands::tool::Report;
use admin::placing::{self, Terms};
use admin::{Exit, Refusal};
use cib::iso8601::{DateTime, Duration, Notation};
use model::Role;
use status::ResourceIndex;

/// Moves, bans or clears.
pub fn place(arguments: &Arguments, scene: &Scene<'_>, index: ResourceIndex, report: &mut Report) -> Result<Exit, Refusal> {
    let id = arguments.resource()?;
    if id.contains(':') && scene.facts.resource(index).instance.is_some() {
        return Err(refused(Exit::INVALID_PARAMETER, format!("Cannot operate on clone resource instance '{id}'")));
    }
    if let Some(node) = &arguments.node {
        scene.check_node(node)?;
    }
    if arguments.clear {
        return clear(arguments, scene, report);
    }
    let terms = Terms { promoted: arguments.promoted, until: until(arguments, report)? };
    match (&arguments.node, arguments.ban) {
        (Some(node), false) => draw(arguments, scene, index, node, &terms, report),
        (Some(node), true) => ban(arguments, scene, id, node, &terms, report),
        (None, _) => {
            let node = only_place(arguments, scene, index)?;
            ban(arguments, scene, id, &node, &terms, report)
        }
    }
}

/// Takes constraints back that commands made; with `--expired` those whose time is over.
pub fn clear(arguments: &Arguments, scene: &Scene<'_>, report: &mut Report) -> Result<Exit, Refusal> {
    let gone = match arguments.expired {
        true => placing::clear_expired(scene.cluster, arguments.resource.as_deref(), scene.facts.now, scene.facts.utc_offset),
        false => {
            let node = arguments.node.as_deref();
            placing::clear(scene.cluster, arguments.resource()?, node.filter(|_| !(arguments.force && node.is_none())))
        }
    };
    for id in gone.map_err(failed)? {
        if !arguments.quiet {
            report.line(format!("Removing constraint: {id}"));
        }
    }
    Ok(Exit::OK)
}

/// Returns when a constraint ends, and says so.
fn until(arguments: &Arguments, report: &mut Report) -> Result<Option<String>, Refusal> {
    let Some(text) = &arguments.lifetime else { return Ok(None) };
    let duration = Duration::parse(text);
    let duration = duration.ok_or_else(|| usage(&format!("Invalid duration specified: {text}\nPlease refer to https://en.wikipedia.org/wiki/ISO_8601#Durations for examples of valid durations")))?;
    let now = model::Timestamp::from_seconds(admin::now().seconds());
    let end = DateTime::at(now, 0).after(&duration).show(Notation::Calendar);
    report.line(format!("Migration will take effect until: {end}"));
    Ok(Some(end))
}

fn draw(
    arguments: &Arguments,
    scene: &Scene<'_>,
    index: ResourceIndex,
    node: &str,
    terms: &Terms,
    report: &mut Report,
) -> Result<Exit, Refusal> {
    let id = arguments.resource()?;
    // Compat: only a move asks whether there is a promoted role to move; a ban is written as it is wished.
    let is_promotable = scene.facts.resource(index).promotable || scene.facts.resource(scene.facts.top_of(index, false)).promotable;
    if terms.promoted && !is_promotable {
        report.line(format!("Ignoring --promoted option: {id} is not promotable"));
        return draw(arguments, scene, index, node, &Terms { promoted: false, ..terms.clone() }, report);
    }
    let here: Vec<String> = scene.facts.whereabouts(id).into_iter().map(ToString::to_string).collect();
    let is_there = here == [node] && (!terms.promoted || scene.facts.role_now(index) == Role::Promoted);
    if is_there && !arguments.force {
        return Err(failed(Refusal::new(Exit::EXISTS, "")));
    }
    placing::clear_for_move(scene.cluster, id, node).map_err(failed)?;
    placing::place(scene.cluster, placing::prefer(id, node, terms)).map_err(failed)?;
    // Compat: by force, the place where it is now is closed as well.
    if arguments.force
        && let [current] = here.as_slice()
        && current != node
    {
        return ban(arguments, scene, id, current, terms, report);
    }
    Ok(Exit::OK)
}

fn ban(arguments: &Arguments, scene: &Scene<'_>, id: &str, node: &str, terms: &Terms, report: &mut Report) -> Result<Exit, Refusal> {
    placing::place(scene.cluster, placing::ban(id, node, terms)).map_err(failed)?;
    if !arguments.quiet {
        let doing = if terms.promoted { "being promoted" } else { "running" };
        report.line(format!(
            "WARNING: Creating rsc_location constraint 'cli-ban-{id}-on-{node}' with a score of -INFINITY for resource {id} on {node}."
        ));
        report.line(format!(
            "\tThis will prevent {id} from {doing} on {node} until the constraint is removed using the clear option or by editing the CIB with an appropriate tool"
        ));
        report.line(format!("\tThis will be the case even if {node} is the last node in the cluster"));
    }
    Ok(Exit::OK)
}

/// Returns the one node that a move or ban without a node is about.
fn only_place(arguments: &Arguments, scene: &Scene<'_>, index: ResourceIndex) -> Result<String, Refusal> {
    let facts = scene.facts;
    let id = arguments.resource()?;
    let resource = facts.resource(index);
    let is_promotable = resource.promotable;
    let promoted: Vec<ResourceIndex> = resource.children.iter().copied().filter(|child| facts.role_now(*child) == Role::Promoted).collect();
    let places: Vec<String> = match promoted.as_slice() {
        [one] if is_promotable => facts.locations(*one, false).iter().map(|node| facts.node(*node).name.to_string()).collect(),
        _ => facts.whereabouts(id).into_iter().map(ToString::to_string).collect(),
    };
    if let [node] = places.as_slice() {
        return Ok(node.clone());
    }
    let mut text = format!(
        "Resource '{id}' not moved: active in {} locations{}.\nTo prevent '{id}' from running on a specific location, specify a node.",
        places.len(),
        if is_promotable { format!(" (promoted in {})", promoted.len()) } else { String::new() }
    );
    if is_promotable {
        text.push_str(&format!(
            "\nTo prevent '{id}' from being promoted at a specific location, specify a node and the --promoted option."
        ));
    }
    Err(usage(&text))
}
