//! What is known of a type's shape, and how it is written down.

use std::cell::RefCell;
use std::fmt::Write;
use std::rc::Rc;

/// A place in the shape, which several runs fill in turn.
pub(crate) type Link = Rc<RefCell<Node>>;

/// What stands at one place. Newtypes leave no trace, as on the wire.
#[derive(Debug)]
pub(crate) enum Node {
    /// No run has come here.
    Unknown,
    /// A value without parts.
    Leaf(&'static str),
    Option(Link),
    List(Link),
    /// The key and the value of an entry.
    Map(Link, Link),
    Fields(Fields),
    Enum(Vec<(&'static str, Link)>),
    /// A type that contains itself: the same as at an outer place.
    Same {
        path: String,
        /// How many types further out.
        up: usize,
    },
}

/// The parts of a struct or a tuple.
#[derive(Debug)]
pub(crate) struct Fields {
    /// `None` for a tuple, whose parts are numbered.
    pub(crate) names: Option<&'static [&'static str]>,
    pub(crate) parts: Vec<Link>,
    /// A run has come to the end, so there are no more parts than these.
    pub(crate) whole: bool,
}

impl Fields {
    /// The name of a part, as it is written down.
    pub(crate) fn name(&self, index: usize) -> String {
        match self.names.and_then(|names| names.get(index)) {
            Some(name) => (*name).to_owned(),
            None => index.to_string(),
        }
    }
}

pub(crate) fn unknown() -> Link {
    Rc::new(RefCell::new(Node::Unknown))
}

impl Node {
    fn children(&self) -> Vec<(String, &Link)> {
        match self {
            Node::Unknown | Node::Leaf(_) | Node::Same { .. } => vec![],
            Node::Option(inside) => vec![(String::new(), inside)],
            Node::List(inside) => vec![("[]".to_owned(), inside)],
            Node::Map(key, value) => vec![("key".to_owned(), key), ("value".to_owned(), value)],
            Node::Fields(fields) => {
                fields.parts.iter().enumerate().map(|(i, part)| (fields.name(i), part)).collect()
            }
            Node::Enum(variants) => {
                variants.iter().map(|(name, inside)| ((*name).to_owned(), inside)).collect()
            }
        }
    }

    /// How much is known. It grows with every run that learns something and comes to its end.
    pub(crate) fn known(&self) -> usize {
        let own = match self {
            Node::Unknown => 0,
            Node::Fields(fields) => usize::from(fields.whole),
            _ => 1,
        };
        own + self.children().iter().map(|(_, child)| child.borrow().known()).sum::<usize>()
    }

    pub(crate) fn is_complete(&self) -> bool {
        let own = match self {
            Node::Unknown => false,
            Node::Fields(fields) => fields.whole,
            _ => true,
        };
        own && self.children().iter().all(|(_, child)| child.borrow().is_complete())
    }

    /// A place within, at `path`, where something is still missing.
    pub(crate) fn first_gap(&self, path: &str) -> Option<String> {
        if matches!(self, Node::Unknown) {
            return Some(path.to_owned());
        }
        self.children().iter().find_map(|(step, child)| child.borrow().first_gap(&join(path, step)))
    }

    /// The description of the whole, in lines.
    pub(crate) fn to_text(&self) -> String {
        let mut text = String::new();
        self.describe(2, &mut text);
        text.push('\n');
        text
    }

    /// One line for a value without parts, more for one with; `indent` is how far in its parts stand.
    pub(crate) fn describe(&self, indent: usize, out: &mut String) {
        match self {
            Node::Unknown => out.push_str("unknown"),
            Node::Leaf(name) => out.push_str(name),
            Node::Option(inside) => {
                out.push_str("option of ");
                inside.borrow().describe(indent, out);
            }
            Node::List(inside) => {
                out.push_str("list of ");
                inside.borrow().describe(indent, out);
            }
            Node::Same { path, up } => {
                write!(out, "the same as {} ({up} up)", quoted(path)).expect("a String takes all");
            }
            Node::Map(..) => self.describe_parts("map", indent, out),
            Node::Fields(fields) if fields.parts.is_empty() => out.push_str("nothing"),
            Node::Fields(fields) if fields.names.is_some() => {
                self.describe_parts("struct", indent, out);
            }
            Node::Fields(fields) => match equal_parts(&fields.parts, indent) {
                Some(part) => {
                    write!(out, "{} times {part}", fields.parts.len()).expect("a String takes all");
                }
                None => self.describe_parts("tuple", indent, out),
            },
            Node::Enum(_) => self.describe_parts("enum", indent, out),
        }
    }

    fn describe_parts(&self, kind: &str, indent: usize, out: &mut String) {
        out.push_str(kind);
        for (name, child) in self.children() {
            write!(out, "\n{:indent$}{}: ", "", quoted(&name)).expect("a String takes all");
            child.borrow().describe(indent + 2, out);
        }
    }
}

/// What all parts of an array look like, so that `[u8; 32]` is one line.
fn equal_parts(parts: &[Link], indent: usize) -> Option<String> {
    let describe = |part: &Link| {
        let mut text = String::new();
        part.borrow().describe(indent, &mut text);
        text
    };
    let (first, rest) = parts.split_first()?;
    let first = describe(first);
    rest.iter().all(|part| describe(part) == first).then_some(first)
}

/// A step further in; `step` is empty where a text for it would only be noise.
pub(crate) fn join(path: &str, step: &str) -> String {
    if path.is_empty() || step.is_empty() || step == "[]" {
        format!("{path}{step}")
    } else {
        format!("{path}.{step}")
    }
}

/// A name as it stands in the file: quoted if it could be taken for something else.
fn quoted(name: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '[' | ']' | '-');
    match name {
        "" => "the whole".to_owned(),
        name if name.chars().all(plain) => name.to_owned(),
        name => format!("{name:?}"),
    }
}

/// A description without the names in it, for telling a change of names from any other.
pub(crate) fn without_names(description: &str) -> String {
    let mut out = String::new();
    for line in description.lines() {
        let text = line.trim_start();
        let indent = line.len() - text.len();
        let shape = after_name(text);
        let shape = match shape.split_once("the same as ").zip(shape.rsplit_once(" (")) {
            Some(((before, _), (_, up))) => format!("{before}the same ({up}"),
            None => shape.to_owned(),
        };
        let shape = match shape.rsplit_once("struct") {
            Some((before, "")) => format!("{before}tuple"),
            _ => shape,
        };
        writeln!(out, "{:indent$}{shape}", "").expect("a String takes all");
    }
    out
}

/// From the colon on; all of it if there is no name in it.
fn after_name(text: &str) -> &str {
    let mut quoted = false;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            ':' if !quoted => return &text[at..],
            _ => {}
        }
    }
    text
}
