//! Sessions that end before their deadlines, through the public interface: what `load` refuses, what
//! `save` does not write, and what a request records. (The list alone is tested in `src/ended/tests`.)

mod support;

// Around the files of the folder, for which Rust would otherwise look beside this one.
mod ended_sessions {
    mod adapters;
    mod clocks;
    mod everywhere;
    mod fleet;
    mod migrated;
    mod others;
    mod people;
    mod reset;
    mod settings;
    mod sign_out;
}
