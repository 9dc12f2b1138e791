//! Which tables are printed, and what they compare.

use crate::{
    floor,
    harness::{Cost, Costs, Id, Level},
    level::ring,
    line_up, ours,
    peers::{
        actix_session, axum_extra, bare, biscotti, cookie_jar, fernet, pasetors, seshcookie,
        tower_sessions,
    },
    records::{Cart, Counter, Login, Record},
};

/// With whom the rows of a table are compared.
#[derive(Clone, Copy)]
pub enum Against {
    /// With this row.
    Row(&'static str),
    /// With the quickest that is neither ours nor the floor.
    FastestPeer,
}

/// One table: what some contestants need for some operations.
pub struct Table {
    title: &'static str,
    level: Level,
    rows: &'static [&'static str],
    operations: &'static [&'static str],
    against: &'static [Against],
    /// What is subtracted from every row.
    bare: Option<&'static str>,
}

/// The cookie's value alone.
pub const VALUE: Table = Table {
    title: "Value",
    level: Level::Value,
    rows: &[
        floor::NAME,
        ours::NAME,
        cookie_jar::NAME,
        biscotti::NAME,
        fernet::NAME,
        pasetors::NAME,
    ],
    operations: &["encode", "decode"],
    against: &[Against::Row(cookie_jar::NAME), Against::Row(floor::NAME)],
    bare: None,
};

/// Headers in, headers out.
pub const HEADERS: Table = Table {
    title: "Headers, with nine other cookies",
    level: Level::Headers,
    rows: &[ours::NAME, cookie_jar::NAME, axum_extra::NAME, biscotti::NAME],
    operations: &["read", "change"],
    against: &[Against::Row(cookie_jar::NAME)],
    bare: None,
};

const AXUM_PEERS: &[&str] = &[
    ours::NAME,
    seshcookie::NAME,
    biscotti::NAME,
    axum_extra::NAME,
    tower_sessions::MEMORY,
    tower_sessions::COOKIE_STORE,
];

/// Whole requests through axum.
pub const AXUM: Table = Table {
    title: "Whole request through axum, net of the bare framework",
    level: Level::Axum,
    rows: AXUM_PEERS,
    operations: &["read", "change"],
    against: &[Against::FastestPeer],
    bare: Some(bare::NAME),
};

/// Requests whose handler does not ask for the session. Where a peer has no layer, it costs nothing.
pub const LEFT_ALONE: Table = Table {
    title: "A session that the handler leaves alone, through axum, net of the bare framework",
    level: Level::Axum,
    rows: &[
        bare::IDLE_LAYER,
        ours::NAME,
        seshcookie::NAME,
        tower_sessions::MEMORY,
        tower_sessions::COOKIE_STORE,
    ],
    operations: &["untouched"],
    against: &[],
    bare: Some(bare::NAME),
};

/// Whole requests through actix-web.
pub const ACTIX: Table = Table {
    title: "Whole request through actix-web, net of the bare framework",
    level: Level::Actix,
    rows: &[ours::NAME, actix_session::NAME],
    operations: &["read", "change"],
    against: &[Against::FastestPeer],
    bare: Some(bare::NAME),
};

impl Table {
    /// What `peer` needs; nothing where it does not take part.
    pub fn cost(
        &self,
        costs: &Costs,
        record: &'static str,
        peer: &'static str,
        operation: &'static str,
    ) -> Option<Cost> {
        let of = |peer| {
            let id = Id { level: self.level, peer, record, operation };
            costs.get(&id).copied()
        };
        match self.bare {
            Some(bare) => Some(of(peer)?.net_of(of(bare)?)),
            None => of(peer),
        }
    }

    /// The time that the others are compared with.
    pub fn yardstick(
        &self,
        costs: &Costs,
        record: &'static str,
        operation: &'static str,
        against: Against,
    ) -> Option<f64> {
        let nanos = |peer| Some(self.cost(costs, record, peer, operation)?.nanos);
        match against {
            Against::Row(peer) => nanos(peer),
            Against::FastestPeer => self
                .rows
                .iter()
                .filter(|peer| ![ours::NAME, floor::NAME].contains(peer))
                .filter_map(|&peer| nanos(peer))
                .min_by(f64::total_cmp),
        }
    }

    fn print<T: Record>(&self, costs: &Costs) {
        println!("\n### {}: the {}\n", self.title, T::NAME);
        let mut header = vec!["µs".to_owned()];
        for operation in self.operations {
            header.push(format!("**{operation}**"));
            header.extend(self.against.iter().map(|against| match against {
                Against::Row(peer) => format!("÷ {peer}"),
                Against::FastestPeer => "÷ fastest peer".to_owned(),
            }));
            header.push("heap".to_owned());
        }
        print_header(&header);
        for &peer in self.rows {
            let cells = self.operations.iter().map(|operation| {
                let cost = self.cost(costs, T::NAME, peer, operation)?;
                let ratios = self.against.iter().map(|&against| {
                    let yardstick = self.yardstick(costs, T::NAME, operation, against);
                    yardstick.map_or("–".to_owned(), |it| format!("{:.2}", cost.nanos / it))
                });
                let mut cells = vec![micros(cost.nanos)];
                cells.extend(ratios);
                cells.push(heap(cost));
                Some(cells)
            });
            if let Some(cells) = cells.collect::<Option<Vec<_>>>() {
                print_row(peer, &cells.concat());
            }
        }
    }
}

/// All tables of one run.
pub fn print(costs: &Costs) {
    print_lengths();
    print_parts(costs);
    for table in [VALUE, HEADERS, AXUM, ACTIX] {
        table.print::<Counter>(costs);
        table.print::<Login>(costs);
        table.print::<Cart>(costs);
    }
    LEFT_ALONE.print::<Login>(costs);
    print_rings(costs);
}

fn print_lengths() {
    println!("### Length of the cookie's value, in bytes\n");
    print_header(&["", Counter::NAME, Login::NAME, Cart::NAME].map(str::to_owned));
    let counter = line_up::lengths::<Counter>();
    let login = line_up::lengths::<Login>();
    let cart = line_up::lengths::<Cart>();
    for ((counter, login), cart) in counter.iter().zip(&login).zip(&cart) {
        let lengths = [counter.1, login.1, cart.1];
        print_row(counter.0, &lengths.map(|length| length.to_string()));
    }
}

fn print_parts(costs: &Costs) {
    println!("\n### Of what the floor is made: the {}\n", Login::NAME);
    print_header(&["part", "µs"].map(str::to_owned));
    for operation in floor::PARTS {
        let id = Id { level: Level::Part, peer: floor::NAME, record: Login::NAME, operation };
        print_row(operation, &[micros(costs[&id].nanos)]);
    }
}

fn print_rings(costs: &Costs) {
    println!("\n### Opening with the oldest key of the ring, ÷ a ring of one: the login\n");
    let mut header = vec![String::new(), "1 key, µs".to_owned()];
    header.extend(ring::SIZES[1..].iter().map(|(_, name)| (*name).to_owned()));
    header.push("heap with 1,000".to_owned());
    print_header(&header);
    for peer in [ours::NAME, biscotti::NAME, fernet::NAME, seshcookie::NAME] {
        let rings: Option<Vec<Cost>> =
            ring::SIZES.iter().map(|(_, name)| ring_cost(costs, peer, name)).collect();
        let Some(rings) = rings else { continue };
        let mut cells = vec![micros(rings[0].nanos)];
        let ratios = rings[1..].iter().map(|cost| cost.nanos / rings[0].nanos);
        cells.extend(ratios.map(|ratio| format!("{ratio:.2} ×")));
        cells.push(heap(rings[rings.len() - 1]));
        print_row(peer, &cells);
    }
    println!("\n(seshcookie by whole requests through axum, net, and it seals anew meanwhile.)");
}

/// What opening with the oldest key of a ring costs; of seshcookie, net of the bare framework.
pub fn ring_cost(costs: &Costs, peer: &'static str, size: &'static str) -> Option<Cost> {
    let id = |level, peer, operation| Id { level, peer, record: Login::NAME, operation };
    let cost = *costs.get(&id(Level::Ring, peer, size))?;
    match peer {
        seshcookie::NAME => Some(cost.net_of(costs[&id(Level::Axum, bare::NAME, "read")])),
        _ => Some(cost),
    }
}

/// The first two lines of a markdown table.
pub fn print_header(cells: &[String]) {
    println!("| {} |", cells.join(" | "));
    println!("| --- {}|", "| ---: ".repeat(cells.len() - 1));
}

/// One more line of a markdown table.
pub fn print_row(name: &str, cells: &[String]) {
    println!("| {name} | {} |", cells.join(" | "));
}

fn micros(nanos: f64) -> String {
    format!("{:.3}", nanos / 1000.0)
}

fn heap(cost: Cost) -> String {
    format!("{:.0} / {:.0} B", cost.allocations, cost.bytes)
}
