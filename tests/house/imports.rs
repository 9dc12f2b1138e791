//! Which file of a crate imports which, and in what rings.
//!
//! An import is every path, in a `use` or anywhere else in the code, that leads into another file:
//! to the file of the last module that the path names. So `crate::wire::envelope::Envelope` is an
//! import of `wire/envelope.rs`, and `crate::Session`, which is a `pub use` there, one of `lib.rs`.
//! A `mod` declaration is none. Doc comments do not count, nor does what is compiled for tests only.
//!
//! `cargo modules dependencies` draws a graph of modules, too.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The text of each file, by its path.
pub(crate) type Files = BTreeMap<String, String>;

/// The names from the root to a module; empty for the root itself.
type Module = Vec<String>;

/// One crate, as its source text says it.
#[derive(Default)]
pub(crate) struct Crate {
    /// Each module and the file that holds it.
    modules: BTreeMap<Module, String>,
    /// Names that a `use` gave to something, by the module in which it stands.
    names: BTreeMap<(Module, String), Vec<String>>,
    /// Every path that the code names, with the module and the line.
    paths: Vec<(Module, Vec<String>, usize)>,
    /// Lines without what is compiled for tests only.
    lines: BTreeMap<String, usize>,
    /// Files that are compiled for tests only.
    tests: Vec<String>,
}

impl Crate {
    pub(crate) fn read(root: &str, files: &Files) -> Crate {
        let mut found = Crate::default();
        let folder = root.rsplit_once('/').map_or("", |(folder, _)| folder);
        found.read_file(root, folder, Module::new(), files);
        found
    }

    /// The files that belong to the crate.
    pub(crate) fn files(&self) -> impl Iterator<Item = &str> {
        self.modules.values().chain(&self.tests).map(String::as_str)
    }

    /// The folders beside files that are compiled for tests only.
    pub(crate) fn folders_of_tests(&self) -> impl Iterator<Item = &str> {
        self.tests.iter().filter_map(|file| file.strip_suffix(".rs"))
    }

    pub(crate) fn lines_without_tests(&self) -> impl Iterator<Item = (&str, usize)> {
        self.lines.iter().map(|(file, lines)| (file.as_str(), *lines))
    }

    /// Each ring as `a.rs -> b.rs -> a.rs`, and below it the paths that make it one.
    pub(crate) fn rings(&self) -> Vec<String> {
        let imports = self.imports();
        let mut rings = BTreeSet::new();
        for (from, targets) in &imports {
            for to in targets.keys() {
                if let Some(mut back) = shortest(&imports, to, from) {
                    // The same ring from wherever it was entered.
                    let first = (0..back.len()).min_by_key(|place| &back[*place]).unwrap();
                    back.rotate_left(first);
                    rings.insert(back);
                }
            }
        }
        rings.into_iter().map(|ring| describe(&imports, &ring)).collect()
    }

    fn imports(&self) -> Imports<'_> {
        let mut imports = Imports::new();
        for (module, path, line) in &self.paths {
            let file = self.modules[module].as_str();
            if let Some(target) = self.resolve(module, path, 0) {
                let target = self.modules[&target].as_str();
                if target != file {
                    let path = format!("{file}:{line}: {}", path.join("::"));
                    imports.entry(file).or_default().entry(target).or_default().push(path);
                }
            }
        }
        imports
    }

    /// The last module of this crate that a path names; `None` if it leads elsewhere.
    fn resolve(&self, module: &Module, path: &[String], depth: usize) -> Option<Module> {
        let (first, mut rest) = path.split_first()?;
        let mut reached = match first.as_str() {
            "crate" => Module::new(),
            "self" => module.clone(),
            "super" => module.split_last()?.1.to_vec(),
            name => match self.child(module, name) {
                Some(child) => child,
                None => {
                    // A name that a `use` brought here; it counts if it is a module's.
                    let brought = self.names.get(&(module.clone(), name.to_owned()))?;
                    let same = brought.first().is_some_and(|first| first == name);
                    let target = (!same && depth < 8)
                        .then(|| self.resolve(module, brought, depth + 1))
                        .flatten()?;
                    (target.last() == brought.last()).then_some(target)?
                }
            },
        };
        while let Some((next, behind)) = rest.split_first() {
            reached = match (next.as_str(), self.child(&reached, next)) {
                ("super", _) => reached.split_last()?.1.to_vec(),
                (_, Some(child)) => child,
                _ => break,
            };
            rest = behind;
        }
        Some(reached)
    }

    fn child(&self, module: &Module, name: &str) -> Option<Module> {
        let child = [&module[..], &[name.to_owned()]].concat();
        self.modules.contains_key(&child).then_some(child)
    }

    fn read_file(&mut self, file: &str, folder: &str, module: Module, files: &Files) {
        let text = &files[file];
        let tokens: TokenStream = text.parse().unwrap_or_else(|error| panic!("{file}: {error}"));
        self.modules.insert(module.clone(), file.to_owned());
        self.lines.insert(file.to_owned(), text.lines().count());
        self.read_tokens(&Place { file, folder, files }, &module, tokens);
    }

    fn read_tokens(&mut self, place: &Place<'_>, module: &Module, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            at = self.read_token(place, module, &tokens, at);
        }
    }

    /// Reads what begins at a token, and returns where the next begins.
    fn read_token(
        &mut self,
        place: &Place<'_>,
        module: &Module,
        tokens: &[TokenTree],
        at: usize,
    ) -> usize {
        let group = |at: usize, delimiter| match tokens.get(at) {
            Some(TokenTree::Group(group)) if group.delimiter() == delimiter => Some(group),
            _ => None,
        };
        match &tokens[at] {
            TokenTree::Punct(punct) if punct.as_char() == '#' => {
                match group(at + 1, Delimiter::Bracket) {
                    Some(attribute) if is_for_tests(attribute) => self.skip_item(place, tokens, at),
                    Some(_) => at + 2,
                    None => at + 1,
                }
            }
            TokenTree::Ident(ident) => match ident.to_string().as_str() {
                // `pub(in crate::wire)` imports nothing.
                "pub" if group(at + 1, Delimiter::Parenthesis).is_some() => at + 2,
                "use" => {
                    let end = end_of(tokens, at, ";");
                    self.read_use(module, &[], &tokens[at + 1..end]);
                    end + 1
                }
                "mod" if at + 2 < tokens.len() && is_ident(&tokens[at + 1]) => {
                    let name = tokens[at + 1].to_string();
                    let child = [&module[..], std::slice::from_ref(&name)].concat();
                    match group(at + 2, Delimiter::Brace) {
                        Some(inline) => {
                            self.modules.insert(child.clone(), place.file.to_owned());
                            let folder = join(place.folder, &name);
                            let inside = Place { folder: &folder, ..*place };
                            self.read_tokens(&inside, &child, inline.stream());
                        }
                        None => {
                            let (file, folder) = place.find(&name);
                            self.read_file(&file, &folder, child, place.files);
                        }
                    }
                    at + 3
                }
                _ => {
                    let (path, end) = path(tokens, at);
                    let is_behind_another = at >= 2 && is_separator(tokens, at - 2);
                    if path.len() > 1 && !is_behind_another {
                        self.paths.push((module.clone(), path, line(&tokens[at])));
                    }
                    end
                }
            },
            TokenTree::Group(group) => {
                self.read_tokens(place, module, group.stream());
                at + 1
            }
            _ => at + 1,
        }
    }

    /// Reads the tree behind `use`, each of whose leaves is a path.
    fn read_use(&mut self, module: &Module, before: &[String], tree: &[TokenTree]) {
        for branch in tree.split(|token| matches!(token, TokenTree::Punct(p) if p.as_char() == ','))
        {
            let Some(start) = branch.first() else { continue };
            let (mut leaf, end) = if is_ident(start) { path(branch, 0) } else { (vec![], 0) };
            let is_itself = leaf == ["self"] && !before.is_empty();
            if is_itself {
                leaf.clear();
            }
            let whole = [before, &leaf].concat();
            let rest = &branch[end..];
            if let Some(TokenTree::Group(group)) = rest.last() {
                let inside: Vec<TokenTree> = group.stream().into_iter().collect();
                self.read_use(module, &whole, &inside);
                continue;
            }
            // `::name` is another crate's.
            if whole.is_empty() {
                continue;
            }
            let alias = match rest {
                [TokenTree::Ident(word), alias] if *word == "as" => alias.to_string(),
                _ => whole.last().unwrap().clone(),
            };
            self.names.insert((module.clone(), alias), whole.clone());
            self.paths.push((module.clone(), whole, line(start)));
        }
    }

    /// Leaves out the item behind an attribute, up to its `;` or the end of its block.
    fn skip_item(&mut self, place: &Place<'_>, tokens: &[TokenTree], at: usize) -> usize {
        let mut end = at + 2;
        let is_block = |token: &TokenTree| matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace);
        let is_use = |at: usize| tokens[at..].iter().take(3).any(|t| t.to_string() == "use");
        let is_end =
            |at: usize| tokens[at].to_string() == ";" || (is_block(&tokens[at]) && !is_use(end));
        let last = (end..tokens.len()).find(|at| is_end(*at)).unwrap_or(tokens.len() - 1);
        while end + 1 < last && tokens[end].to_string() == "#" {
            end += 2;
        }
        if let [TokenTree::Ident(word), name, TokenTree::Punct(_)] = &tokens[end..=last]
            && *word == "mod"
        {
            self.tests.push(place.find(&name.to_string()).0);
        }
        let lines = tokens[last].span().end().line + 1 - line(&tokens[at]);
        *self.lines.get_mut(place.file).unwrap() -= lines;
        last + 1
    }
}

/// Where tokens stand.
#[derive(Clone, Copy)]
struct Place<'f> {
    file: &'f str,
    /// The folder of the files that a `mod` names here.
    folder: &'f str,
    files: &'f Files,
}

impl Place<'_> {
    /// The file of a module declared here, and the folder of its own modules.
    fn find(&self, name: &str) -> (String, String) {
        let folder = join(self.folder, name);
        let [file, in_folder] = [format!("{folder}.rs"), format!("{folder}/mod.rs")];
        let file = if self.files.contains_key(&file) { file } else { in_folder };
        assert!(self.files.contains_key(&file), "{}: `mod {name}` has no file", self.file);
        (file, folder)
    }
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// Whether an attribute says `cfg(test)`, `cfg(doctest)` or `cfg(all(test, …))`.
fn is_for_tests(attribute: &Group) -> bool {
    let text: String = attribute.stream().to_string().split_whitespace().collect();
    let Some(condition) = text.strip_prefix("cfg(").and_then(|text| text.strip_suffix(')')) else {
        return false;
    };
    let all = condition.strip_prefix("all(").and_then(|text| text.strip_suffix(')'));
    all.unwrap_or(condition).split(',').any(|part| part == "test" || part == "doctest")
}

fn is_ident(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Ident(_))
}

fn line(token: &TokenTree) -> usize {
    token.span().start().line
}

/// Whether `::` stands at a place.
fn is_separator(tokens: &[TokenTree], at: usize) -> bool {
    tokens.len() > at + 1
        && tokens[at..at + 2]
            .iter()
            .all(|token| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ':'))
}

/// The names of a path that begins at an identifier, and where it ends.
fn path(tokens: &[TokenTree], at: usize) -> (Vec<String>, usize) {
    let mut names = vec![tokens[at].to_string()];
    let mut end = at + 1;
    while is_separator(tokens, end) {
        match tokens.get(end + 2) {
            Some(TokenTree::Ident(ident)) => names.push(ident.to_string()),
            _ => break,
        }
        end += 3;
    }
    (names, end)
}

fn end_of(tokens: &[TokenTree], at: usize, end: &str) -> usize {
    let place = tokens[at..].iter().position(|token| token.to_string() == end);
    at + place.expect("it has an end")
}

/// Who imports whom, by which paths.
type Imports<'c> = BTreeMap<&'c str, BTreeMap<&'c str, Vec<String>>>;

/// The files on a shortest way, both ends included.
fn shortest<'c>(imports: &Imports<'c>, from: &'c str, to: &'c str) -> Option<Vec<&'c str>> {
    let mut came_from = BTreeMap::from([(from, from)]);
    let mut next = VecDeque::from([from]);
    while let Some(file) = next.pop_front() {
        if file == to {
            let mut way = vec![file];
            while way[way.len() - 1] != from {
                way.push(came_from[way[way.len() - 1]]);
            }
            way.reverse();
            return Some(way);
        }
        for target in imports.get(file).into_iter().flat_map(BTreeMap::keys) {
            came_from.entry(*target).or_insert_with(|| {
                next.push_back(*target);
                file
            });
        }
    }
    None
}

fn describe(imports: &Imports<'_>, ring: &[&str]) -> String {
    let round = [ring, &ring[..1]].concat();
    let because = round.windows(2).flat_map(|pair| &imports[pair[0]][pair[1]]);
    let because: String = because.map(|path| format!("    {path}\n")).collect();
    format!("{}\n{because}", round.join(" -> "))
}

/// The rings in a small crate, without the reasons.
fn rings(files: &[(&str, &str)]) -> Vec<String> {
    let files = files.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned())).collect();
    let rings = Crate::read("lib.rs", &files).rings();
    rings.iter().map(|ring| ring.lines().next().unwrap().to_owned()).collect()
}

const ROOT: (&str, &str) = ("lib.rs", "mod a;\nmod b;\npub use a::A;\n");

#[test]
fn files_that_import_one_way_are_no_ring() {
    let b = "use crate::a::A; pub struct B(A); mod inner { use super::B; }";
    assert_eq!(rings(&[ROOT, ("a.rs", "pub struct A;"), ("b.rs", b)]), [] as [&str; 0]);
}

#[test]
fn two_files_that_use_each_other_are_a_ring() {
    let (a, b) = ("use crate::b::{B, C}; pub struct A(B);", "pub struct B(Option<crate::a::A>);");
    assert_eq!(rings(&[ROOT, ("a.rs", a), ("b.rs", b)]), ["a.rs -> b.rs -> a.rs"]);
}

#[test]
fn a_name_of_the_root_is_a_ring_through_the_root() {
    let (a, b) = ("pub struct A;", "fn b(_: &crate::A) {}");
    assert_eq!(rings(&[ROOT, ("a.rs", a), ("b.rs", b)]), [] as [&str; 0]);
    let root = (ROOT.0, "mod a; mod b; pub use { a::A, b::B };");
    assert_eq!(rings(&[root, ("a.rs", a), ("b.rs", b)]), ["b.rs -> lib.rs -> b.rs"]);
}

#[test]
fn a_ring_of_three_is_found_through_modules_aliases_super_and_macros() {
    let root = ("lib.rs", "mod wire; mod key { pub(crate) mod ring; }");
    let wire = ("wire.rs", "pub mod one; pub mod two; pub(in crate::key) fn f() {}");
    let one = ("wire/one.rs", "fn one() { assert!(super::two::two() > 0); }");
    let two =
        ("wire/two.rs", "use crate::key::{self as k}; pub fn two() -> u8 { k::ring::three() }");
    let ring = ("key/ring.rs", "use crate::{wire}; pub fn three() -> u8 { wire::one::one(); 3 }");
    let files = [root, wire, one, two, ring];
    assert_eq!(rings(&files), ["key/ring.rs -> wire/one.rs -> wire/two.rs -> key/ring.rs"]);
}

#[test]
fn comments_tests_visibility_and_other_crates_make_no_ring() {
    let a = "
        //! See [`crate::b::B`].
        /// As in `crate::b`.
        pub struct A; // crate::b::B
        pub(in crate::b) fn a(_: ::b::B, _: std::b::B) {}
        #[cfg(test)]
        use crate::b::{B, C};
        #[cfg(all(test, unix))]
        #[derive(Debug)]
        struct D(crate::b::B);
        #[cfg(test)]
        mod tests { use crate::b::B; }
        fn after() {}";
    let files = [ROOT, ("a.rs", a), ("b.rs", "use crate::a::A;")];
    assert_eq!(rings(&files), [] as [&str; 0]);
}

#[test]
fn lines_of_tests_do_not_count() {
    let text = "fn one() {}\n#[cfg(test)]\nmod tests {\n    fn two() {}\n}\nfn six() {}\n";
    let files = Files::from([("lib.rs".to_owned(), text.to_owned())]);
    let lengths = Crate::read("lib.rs", &files);
    assert_eq!(lengths.lines_without_tests().collect::<Vec<_>>(), [("lib.rs", 2)]);
}
