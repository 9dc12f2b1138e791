//! Servers with and without a list, and feeds.

use super::people::{Browser, ENDED, Server, cut};
use crate::support::fixtures::{NOW, Visit, created, sealed, visit_bytes};
use crate::support::second::Stamps;
use sealed_session::{EndedSessions, FileFeed, Origin, Saved, Sessions};
use time::{Duration, OffsetDateTime};

/// Bad input 36: without a list a copy is accepted after the sign-out.
#[test]
fn a_server_without_a_list_accepts_what_ended_and_leaves_the_number_as_it_is() {
    let (with, without) = (Server::new(), Server::without_list());
    let mut browser = with.sign_in("ann", NOW);
    with.end_others(&mut browser, NOW);
    let number = cut(&browser);
    let mut copy = browser.clone();
    with.sign_out(&mut browser, NOW);
    // The other one writes it, renewed, and with another user.
    for user in ["ann", "bob"] {
        let mut session = without.load_at(&copy.request(), NOW);
        assert_eq!(session.origin(), Origin::Restored, "documented");
        session.renew();
        session.user = Some(user.to_owned());
        save(&without, session, &mut copy);
        assert_eq!(cut(&copy), number);
    }
}

#[test]
fn a_session_of_a_server_without_a_list_counts_as_one_without_a_known_cut() {
    let (with, without) = (Server::new(), Server::without_list());
    let mut browser = Browser::default();
    let mut session = without.load_at(&browser.request(), NOW);
    session.user = Some("ann".to_owned());
    save(&without, session, &mut browser);
    assert_eq!(cut(&browser), 0);
    // Somebody else's cut is none of its business.
    with.ended.end_all_of_at("bob", NOW).unwrap();
    assert_eq!(with.origin(&browser, NOW), Origin::Restored);
    // It keeps its number, as long as its subject stays.
    let mut session = with.load(&browser, NOW);
    session.page_views += 1;
    assert_eq!(with.save(session, &mut browser, NOW), Saved::Written);
    assert_eq!(cut(&browser), 0);
    with.ended.end_all_of_at("ann", NOW).unwrap();
    assert_eq!(with.origin(&browser, NOW), ENDED);
}

fn save(sessions: &Sessions<Visit>, session: sealed_session::Session<Visit>, to: &mut Browser) {
    let mut response = http::HeaderMap::new();
    sessions.save_at(session, &mut response, NOW).unwrap();
    to.receive(&response);
}

#[test]
fn a_session_with_a_greater_number_than_this_server_has_heard_of_is_accepted() {
    let server = Server::new();
    server.ended.end_all_of_at("ann", NOW).unwrap();
    let stamps = Stamps { cut: 0xF000_0000, ..created(NOW) };
    let browser = Browser { values: vec![sealed(stamps, &visit_bytes(1, "ann"))] };
    assert_eq!(server.origin(&browser, NOW), Origin::Restored);
}

/// Bad input 36b, `wire/codec`: after a restart with a feed.
#[test]
fn a_copy_is_refused_after_a_restart_with_a_feed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ended.log");
    // The feed reads the clock, so this one begins now.
    let now = OffsetDateTime::now_utc();
    let keep = Duration::hours(8);
    let start = || {
        let server = Server::with(EndedSessions::new("shop", keep), |builder| builder);
        let feed = FileFeed::open(&path, &server.ended).unwrap();
        (server, feed)
    };
    let (server, feed) = start();
    let mut browser = server.sign_in("ann", now);
    let copy = browser.clone();
    server.sign_out(&mut browser, now);
    feed.flush(Duration::seconds(10)).unwrap();
    drop((server, feed));
    let (server, _feed) = start();
    assert_eq!(server.origin(&copy, now), ENDED);
}
