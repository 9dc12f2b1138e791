//! Servers with figures of their own, and stories about them that are told minute by minute.

use crate::support::key_files::key;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusRecorder};
use sealed_session::http::HeaderMap;
use sealed_session::http::header::{COOKIE, SET_COOKIE};
use sealed_session::key_file::{Polled, Reloader};
use sealed_session::{Session, Sessions};
use std::collections::BTreeMap;
use time::{Duration, OffsetDateTime};

/// Minutes since 1970, for that is when the time of `promtool` begins.
pub(crate) fn at(minute: i64) -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + Duration::minutes(minute)
}

/// The buckets that `docs/alerts.yml` asks for.
const BUCKETS: [f64; 6] = [512.0, 1024.0, 2048.0, 3072.0, 3584.0, 4096.0];

pub(crate) fn recorder() -> PrometheusRecorder {
    let name = Matcher::Full("sealed_session_cookie_bytes".to_owned());
    PrometheusBuilder::new().set_buckets_for_metric(name, &BUCKETS).unwrap().build_recorder()
}

/// One server of a fleet.
pub(crate) struct Server {
    recorder: PrometheusRecorder,
    keys: Reloader,
    sessions: Sessions<String>,
}

impl Server {
    pub(crate) fn start(file: &str, now: OffsetDateTime) -> Server {
        let recorder = recorder();
        let keys = metrics::with_local_recorder(&recorder, || {
            Reloader::new(file.as_bytes(), now).unwrap()
        });
        let sessions = Sessions::builder("shop", keys.key_ring().clone()).build().unwrap();
        Server { recorder, keys, sessions }
    }

    /// Looks at the key file.
    pub(crate) fn read(&mut self, file: &str, now: OffsetDateTime) {
        let Server { recorder, keys, sessions } = self;
        metrics::with_local_recorder(recorder, || {
            if keys.poll(Ok(file.as_bytes()), now) == Polled::Reloaded {
                sessions.set_key_ring(keys.key_ring().clone());
            }
        });
    }

    /// Serves a visitor, who leaves `text` in the session: from cookie to cookie.
    pub(crate) fn serve(&self, cookie: &mut String, text: &str, now: OffsetDateTime) {
        let mut request = HeaderMap::new();
        request.insert(COOKIE, cookie.parse().unwrap());
        let mut response = HeaderMap::new();
        metrics::with_local_recorder(&self.recorder, || {
            let mut session: Session<String> = self.sessions.load_at(&request, now);
            *session = text.to_owned();
            // Where no key seals the page fails, and the visitor keeps the cookie.
            let _ = self.sessions.save_at(session, &mut response, now);
        });
        if let Some(set) = response.get(SET_COOKIE) {
            *cookie = set.to_str().unwrap().split(';').next().unwrap().to_owned();
        }
    }

    fn render(&self) -> String {
        self.recorder.handle().render()
    }
}

/// What was scraped of each server, minute by minute.
#[derive(Default)]
pub(crate) struct Story {
    scrapes: BTreeMap<&'static str, Vec<String>>,
}

impl Story {
    /// One minute is over: what a server shows now.
    pub(crate) fn scrape(&mut self, name: &'static str, server: &Server) {
        self.note(name, server.render());
    }

    pub(crate) fn note(&mut self, name: &'static str, rendered: String) {
        self.scrapes.entry(name).or_default().push(rendered);
    }

    pub(crate) fn rendered(&self, server: &str, minute: usize) -> &str {
        &self.scrapes[server][minute]
    }

    /// A figure, named as it is rendered; `OLD` stands for the id of the first key.
    pub(crate) fn figure(&self, server: &str, minute: usize, name: &str) -> Option<f64> {
        let name = name.replace("OLD", &key(1).id().to_string());
        figures(self.rendered(server, minute)).find(|(figure, _)| *figure == name).map(|(_, v)| v)
    }

    /// The names of all figures, with their labels.
    pub(crate) fn all_figures(&self) -> Vec<String> {
        let scrapes = self.scrapes.values().flatten();
        scrapes.flat_map(|text| figures(text).map(|(name, _)| name.to_owned())).collect()
    }

    /// Each figure of each server as a series for `promtool`: a value for each minute, `_` where
    /// there was none.
    pub(crate) fn series(&self) -> BTreeMap<String, String> {
        let mut series = BTreeMap::new();
        for (server, scrapes) in &self.scrapes {
            let mut values: BTreeMap<&str, Vec<String>> = BTreeMap::new();
            for (minute, text) in scrapes.iter().enumerate() {
                for (name, value) in figures(text) {
                    let values = values.entry(name).or_default();
                    values.resize(minute, "_".to_owned());
                    values.push(value.to_string());
                }
            }
            for (name, values) in values {
                let (name, labels) = name.split_once('{').unwrap_or((name, "}"));
                let own = format!("job=\"shop\",instance=\"{server}\"");
                let labels = if labels == "}" { "}".to_owned() } else { format!(",{labels}") };
                series.insert(format!("{name}{{{own}{labels}"), values.join(" "));
            }
        }
        series
    }
}

/// The lines that are no comments.
fn figures(rendered: &str) -> impl Iterator<Item = (&str, f64)> {
    let lines = rendered.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| {
        let (name, value) = line.rsplit_once(' ').expect("name and value");
        (name, value.parse().expect("a number"))
    })
}
