//! The rules of the list, one test each.

mod figures;
mod fixture;
mod load;
mod model;
mod room;
mod rules;
mod sending;
