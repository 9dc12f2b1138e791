//! The timeline as one SVG: requests by server, by key, lost sessions, and the events.

use crate::Result;
use crate::processes::SERVERS;
use crate::timeline::{Second, Seen};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::fmt::Write;
use std::fs;
use std::path::Path;

const WIDTH: u32 = 960;
/// The rows of numbers over the panels, the panels, and the time.
const NUMBERS: i32 = 46;
const PANELS: [(&str, i32); 3] = [
    ("requests per second, by server", 200),
    ("requests per second, by the key of the cookie", 200),
    ("sessions lost per second", 130),
];
const LINE: i32 = 17;
const LEFT: i32 = 52;
const RIGHT: i32 = 12;
/// Numbers of events closer than this stand in different rows.
const NUMBER_WIDTH: i32 = 20;
const NUMBER_ROWS: usize = 3;

/// A colour on white, and what takes its place where the reader prefers dark.
#[derive(Clone, Copy)]
struct Shade {
    light: RGBColor,
    dark: &'static str,
}

const fn shade(red: u8, green: u8, blue: u8, dark: &'static str) -> Shade {
    Shade { light: RGBColor(red, green, blue), dark }
}

const PAPER: Shade = shade(0xfe, 0xfe, 0xfe, "#0d1117");
const INK: Shade = shade(0x1f, 0x23, 0x28, "#e6edf3");
const GRID: Shade = shade(0xd8, 0xde, 0xe4, "#30363d");
const EVENT: Shade = shade(0x8c, 0x95, 0x9f, "#7d8590");
const LOST: Shade = shade(0xcf, 0x22, 0x2e, "#ff7b72");
const SERVER: [Shade; SERVERS] = [
    shade(0x09, 0x69, 0xda, "#58a6ff"),
    shade(0xbc, 0x4c, 0x00, "#f0883e"),
    shade(0x1a, 0x7f, 0x37, "#3fb950"),
];
const KEY: [Shade; 7] = [
    shade(0x82, 0x50, 0xdf, "#bc8cff"),
    shade(0x0a, 0x7e, 0xa4, "#39c5cf"),
    shade(0xbf, 0x39, 0x89, "#f778ba"),
    shade(0x9a, 0x67, 0x00, "#d29922"),
    shade(0x57, 0x60, 0x6a, "#8b949e"),
    shade(0x24, 0x6b, 0x52, "#56d4a0"),
    shade(0xb3, 0x59, 0x2b, "#ffa657"),
];

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Lines = Vec<(String, Shade, Vec<u32>)>;

pub(crate) fn draw(seen: &Seen, file: &Path) -> Result<()> {
    // The last second is not over.
    let seconds = &seen.seconds[..seen.seconds.len().saturating_sub(1)];
    let panels: i32 = PANELS.iter().map(|(_, height)| height).sum();
    let rows = seen.events.len().div_ceil(2) as i32;
    let height = NUMBERS + panels + LINE + rows * LINE + LINE;

    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (WIDTH, height as u32)).into_drawing_area();
        root.fill(&PAPER.light)?;
        let by_server = (0..SERVERS).map(|place| {
            let counts = seconds.iter().map(|second| second.by_server[place]).collect();
            (format!("server {place}"), SERVER[place], counts)
        });
        let by_key = seen.keys.iter().enumerate().map(|(key, id)| {
            let count = |second: &Second| second.by_key.get(key).copied().unwrap_or_default();
            (id.clone(), KEY[key % KEY.len()], seconds.iter().map(count).collect())
        });
        let lost = seconds.iter().map(|second| second.lost).collect();
        let contents: [Lines; 3] =
            [by_server.collect(), by_key.collect(), vec![("all servers".to_owned(), LOST, lost)]];
        let mut top = NUMBERS;
        for ((title, panel), lines) in PANELS.into_iter().zip(contents) {
            let area = root.clone().shrink((0, top), (WIDTH, panel as u32));
            draw_panel(&area, title, &lines, seconds.len())?;
            top += panel;
        }
        draw_events(&root, seen, seconds.len(), top)?;
        root.present()?;
    }
    fs::write(file, with_dark(&svg)?)?;
    Ok(())
}

fn draw_panel(area: &Area, title: &str, lines: &Lines, length: usize) -> Result<()> {
    let most = lines.iter().flat_map(|(_, _, counts)| counts).copied().max().unwrap_or_default();
    let mut chart = ChartBuilder::on(area)
        .margin_top(LINE + 16)
        .margin_right(RIGHT)
        .x_label_area_size(16)
        .y_label_area_size(LEFT)
        .build_cartesian_2d(0..length as u32, 0..(most + most / 10).max(10))?;
    chart
        .configure_mesh()
        .bold_line_style(GRID.light)
        .light_line_style(TRANSPARENT)
        .axis_style(EVENT.light)
        .label_style(ink(11))
        .x_labels(20)
        .x_label_formatter(&|second| format!("{second} s"))
        .y_labels(4)
        .draw()?;
    let mut right = WIDTH as i32 - RIGHT;
    for (name, shade, counts) in lines.iter().rev() {
        let points = || (0..length as u32).zip(counts.iter().copied());
        if *name == "all servers" {
            let bars = points().filter(|(_, count)| *count > 0);
            let bar =
                |(at, count)| Rectangle::new([(at, 0), (at + 1, count)], shade.light.filled());
            chart.draw_series(bars.map(bar))?;
            continue;
        }
        // From just before the first to just after the last: a key of the past needs no line.
        let seen = |(_, count): &(u32, u32)| *count > 0;
        let first = points().find(seen).map_or(0, |(at, _)| at.saturating_sub(1));
        let last = points().rev().find(seen).map_or(0, |(at, _)| at + 1);
        let points = points().filter(|(at, _)| (first..=last).contains(at));
        chart.draw_series(LineSeries::new(points, shade.light.stroke_width(2)))?;
        // From the right: the names, each behind its colour.
        right -= 7 * name.len() as i32;
        area.draw(&Text::new(name.clone(), (right, 14), ink(12)))?;
        area.draw(&Rectangle::new([(right - 14, 18), (right - 4, 22)], shade.light.filled()))?;
        right -= 26;
    }
    area.draw(&Text::new(title.to_owned(), (LEFT + 4, 13), ink(13)))?;
    Ok(())
}

/// A numbered line through all panels for each event, and under them what it was.
fn draw_events(root: &Area, seen: &Seen, length: usize, bottom: i32) -> Result<()> {
    let width = WIDTH as i32 - LEFT - RIGHT;
    let mut last = [i32::MIN / 2; NUMBER_ROWS];
    for (index, (at, what)) in seen.events.iter().enumerate() {
        let x = LEFT + (at.as_secs_f64() / length.max(1) as f64 * f64::from(width)) as i32;
        let row = (0..NUMBER_ROWS).find(|row| x - last[*row] >= NUMBER_WIDTH).unwrap_or(0);
        last[row] = x;
        let y = 4 + 14 * row as i32;
        let line = EVENT.light.mix(0.6);
        root.draw(&PathElement::new([(x, y + 14), (x, bottom - 16)], line))?;
        let middle = ink(12).pos(Pos::new(HPos::Center, VPos::Top));
        root.draw(&Text::new((index + 1).to_string(), (x, y), middle))?;

        let rows = seen.events.len().div_ceil(2);
        let (column, row) = ((index / rows) as i32, (index % rows) as i32);
        let place = (LEFT + column * width / 2, bottom + LINE + row * LINE);
        let text = format!("{}.  {:.0} s  {what}", index + 1, at.as_secs_f64());
        root.draw(&Text::new(text, place, ink(12)))?;
    }
    Ok(())
}

fn ink(size: u32) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&INK.light)
}

/// The colours of an SVG are attributes, which a style sheet may overrule: it does where the reader
/// prefers dark.
fn with_dark(svg: &str) -> Result<String> {
    let (head, body) = svg.split_once('\n').ok_or("the SVG has no first line")?;
    let mut style = String::from("@media (prefers-color-scheme: dark) {\n");
    let shades = [PAPER, INK, GRID, EVENT, LOST].into_iter().chain(SERVER).chain(KEY);
    for Shade { light: RGBColor(red, green, blue), dark } in shades {
        for attribute in ["fill", "stroke"] {
            let light = format!("#{red:02X}{green:02X}{blue:02X}");
            writeln!(style, "[{attribute}=\"{light}\"] {{ {attribute}: {dark} }}")?;
        }
    }
    style.push('}');
    let title =
        "<title>Requests of a fleet by server and by key, lost sessions, and events</title>";
    Ok(format!("{head}\n{title}\n<style>\n{style}\n</style>\n{body}"))
}
