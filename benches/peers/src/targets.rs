//! Which of the project's speed targets does this run meet?

use crate::{
    floor,
    harness::Costs,
    level::ring,
    line_up, ours,
    peers::{bare, cookie_jar, tower_sessions},
    records::{Login, Record},
    report::{
        ACTIX, AXUM, Against, HEADERS, LEFT_ALONE, Table, VALUE, print_header, print_row, ring_cost,
    },
};

/// One promise: a figure that must not be exceeded.
struct Target {
    what: &'static str,
    figure: Option<f64>,
    limit: f64,
}

/// Prints every target for which there is a figure.
pub fn print(costs: &Costs) {
    println!("\n### Targets: the {}\n", Login::NAME);
    print_header(&["target", "at most", "here", ""].map(str::to_owned));
    for Target { what, figure, limit } in targets(costs) {
        let Some(figure) = figure else { continue };
        let verdict = if figure <= limit { "met" } else { "**missed**" };
        let cells = [format!("{limit:.2}"), format!("{figure:.2}"), verdict.into()];
        print_row(what, &cells);
    }
}

fn targets(costs: &Costs) -> Vec<Target> {
    let ours = |table: &Table, operation| table.cost(costs, Login::NAME, ours::NAME, operation);
    let ratio = |table: &Table, operation, against| {
        let yardstick = table.yardstick(costs, Login::NAME, operation, against)?;
        Some(ours(table, operation)?.nanos / yardstick)
    };
    let jar = Against::Row(cookie_jar::NAME);
    let floor = Against::Row(floor::NAME);
    let allocations_beside_floor = |operation| {
        let floor = VALUE.cost(costs, Login::NAME, floor::NAME, operation)?;
        Some(ours(&VALUE, operation)?.allocations - floor.allocations)
    };
    let layer = || {
        let idle = LEFT_ALONE.cost(costs, Login::NAME, bare::IDLE_LAYER, "untouched")?;
        Some(ours(&LEFT_ALONE, "untouched")?.nanos - idle.nanos)
    };
    let headers = || Some(ours(&HEADERS, "read")?.nanos / ours(&VALUE, "decode")?.nanos);
    let rings = || {
        let one = ring_cost(costs, ours::NAME, ring::SIZES[0].1)?;
        let thousand = ring_cost(costs, ours::NAME, ring::SIZES[3].1)?;
        Some((one, thousand))
    };
    let target = |what, figure, limit| Target { what, figure, limit };
    vec![
        target("decode ÷ PrivateJar", ratio(&VALUE, "decode", jar), 0.45),
        target("decode ÷ floor", ratio(&VALUE, "decode", floor), 1.10),
        target("encode ÷ PrivateJar", ratio(&VALUE, "encode", jar), 0.68),
        target("encode ÷ floor", ratio(&VALUE, "encode", floor), 1.10),
        target("headers read ÷ own decode", headers(), 1.25),
        target("axum read ÷ fastest peer", ratio(&AXUM, "read", Against::FastestPeer), 0.30),
        target("axum change ÷ fastest peer", ratio(&AXUM, "change", Against::FastestPeer), 0.45),
        target("actix read ÷ actix-session", ratio(&ACTIX, "read", Against::FastestPeer), 0.25),
        target("actix change ÷ actix-session", ratio(&ACTIX, "change", Against::FastestPeer), 0.30),
        target("left alone, ns beside an idle layer", layer(), 100.0),
        target("decode, allocations beside those of `T`", allocations_beside_floor("decode"), 1.0),
        target("encode, allocations", ours(&VALUE, "encode").map(|cost| cost.allocations), 2.0),
        target("1,000 keys ÷ 1 key", rings().map(|(one, all)| all.nanos / one.nanos), 1.05),
        target(
            "1,000 keys − 1 key, allocations",
            rings().map(|(one, all)| all.allocations - one.allocations),
            0.0,
        ),
        target("length ÷ PrivateJar", length_ratio(cookie_jar::NAME), 0.70),
        target("length ÷ shortest peer", shortest_peer(), 1.0),
    ]
}

fn length_ratio(peer: &str) -> Option<f64> {
    let lengths = line_up::lengths::<Login>();
    let of = |name| {
        let entry = lengths.iter().find(|(peer, _)| *peer == name);
        entry.map(|(_, length)| *length as f64)
    };
    Some(of(ours::NAME)? / of(peer)?)
}

/// Beside the id of tower-sessions' memory store, which carries no session.
fn shortest_peer() -> Option<f64> {
    let lengths = line_up::lengths::<Login>();
    let not_peers = [ours::NAME, floor::NAME, tower_sessions::MEMORY];
    let peers = lengths.iter().filter(|(peer, _)| !not_peers.contains(peer));
    let (shortest, _) = peers.min_by_key(|(_, length)| *length)?;
    length_ratio(shortest)
}
