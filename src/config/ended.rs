//! The builder's settings for sessions that can be ended before their deadlines, and which of them are
//! refused.

use crate::config::builder::SessionsBuilder;
use crate::ended::events;
use crate::ended::list::EndedSessions;
use crate::error::ConfigError;
#[cfg(feature = "private-jar")]
use crate::migration::old_jar::Convert;
use crate::rules::timeouts::Policy;
use crate::session::ending::{Owner, Registry};
use crate::session::loaded::Loaded;
use crate::steps::ended::{Ended, SubjectOf};
use crate::wire::schema::Schema;
use serde::{Serialize, de::DeserializeOwned};
use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What both calls have set.
pub(super) struct EndedSettings<T> {
    list: Option<EndedSessions>,
    connect: Option<Connect<T>>,
}

/// Makes the parts that know `T` and those that do not, once everything is known.
type Connect<T> = Box<dyn FnOnce(EndedSessions, Readers<T>) -> Ended<T> + Send + Sync>;

/// What can read a session's data.
pub(super) struct Readers<T> {
    pub(super) schema: Arc<Schema<T>>,
    #[cfg(feature = "private-jar")]
    pub(super) old: Option<Convert<T>>,
}

impl<T> Default for EndedSettings<T> {
    fn default() -> EndedSettings<T> {
        EndedSettings { list: None, connect: None }
    }
}

impl<T: Serialize + DeserializeOwned> SessionsBuilder<T> {
    /// Refuses sessions that ended before their deadlines: from now on [`Session::destroy`] and
    /// [`Session::reset`] end what the request brought, [`Session::end_others`] every other session of
    /// its subject, and this list what an administrator calls on it. Needs
    /// [`subject`](SessionsBuilder::subject).
    ///
    /// Give the list to a [`FileFeed`](crate::FileFeed) or a `RedisFeed`, or a restart forgets what
    /// ended, and other servers do not hear of it. The repository's `docs/ending-sessions.md` says which
    /// way is for which need, and what remains possible.
    ///
    /// ```
    /// use sealed_session::{EndedSessions, Key, KeyRing, Reason, Sessions};
    /// use time::Duration;
    ///
    /// #[derive(serde::Serialize, serde::Deserialize, Default)]
    /// struct Visit { user_id: Option<u64> }
    ///
    /// # let keys = KeyRing::new(Key::generate());
    /// let ended = EndedSessions::new("shop", Duration::hours(8));
    /// let sessions = Sessions::<Visit>::builder("shop", keys)
    ///     .ended(&ended)
    ///     .subject(|visit: &Visit| visit.user_id.map(|id| id.to_string()))
    ///     .build()?;
    ///
    /// # use http::HeaderMap;
    /// # let (mut request, mut response) = (HeaderMap::new(), HeaderMap::new());
    /// # let mut session = sessions.load(&request);
    /// # session.user_id = Some(17);
    /// # sessions.save(session, &mut response)?;
    /// # let cookie = response["set-cookie"].to_str()?.split(';').next().unwrap().parse()?;
    /// # request.insert("cookie", cookie);
    /// let mut session = sessions.load(&request);
    /// session.destroy(); // a sign-out
    ///
    /// let copy = sessions.load(&request); // the same cookie again
    /// assert_eq!(copy.origin(), sealed_session::Origin::Rejected(Reason::Ended));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// [`Session::destroy`]: crate::Session::destroy
    /// [`Session::reset`]: crate::Session::reset
    /// [`Session::end_others`]: crate::Session::end_others
    pub fn ended(mut self, ended: &EndedSessions) -> Self {
        self.ended.list = Some(ended.clone());
        self
    }

    /// Tells whose a session is, if it is anyone's: needed with [`ended`](SessionsBuilder::ended).
    ///
    /// It is the user **whose credentials the session rests on**, also while that user acts as another
    /// one or has locked the screen. It must not change for as long as ends are kept: use a number, not
    /// an e-mail address. An empty text counts as nobody.
    pub fn subject(mut self, subject: impl Fn(&T) -> Option<String> + Send + Sync + 'static) -> Self
    where
        T: 'static,
    {
        self.ended.connect = Some(Box::new(|list, readers| connect(list, readers, subject)));
        self
    }
}

fn connect<T: Serialize + DeserializeOwned + 'static>(
    list: EndedSessions,
    readers: Readers<T>,
    subject: impl Fn(&T) -> Option<String> + Send + Sync + 'static,
) -> Ended<T> {
    let empty_told = AtomicBool::new(false);
    let subject: Arc<SubjectOf<T>> = Arc::new(move |data: &T| {
        let subject = subject(data)?;
        if subject.is_empty() && !empty_told.swap(true, Ordering::Relaxed) {
            events::empty_subject();
        }
        Some(subject).filter(|subject| !subject.is_empty())
    });
    let owner = |subject: &SubjectOf<T>, data: Option<T>| match data.map(|data| subject(&data)) {
        Some(Some(subject)) => Owner::Subject(subject),
        Some(None) => Owner::Nobody,
        None => Owner::Unreadable,
    };
    let [of_loaded, of_value] = [Arc::clone(&subject), Arc::clone(&subject)];
    #[cfg(feature = "private-jar")]
    let (of_old, old) = (Arc::clone(&subject), readers.old);
    let schema = readers.schema;
    let registry = Registry {
        list,
        owner: Box::new(move |loaded: &Loaded| {
            let data = match loaded.upgraded {
                Some(_) => schema.read(schema.version, loaded.current_data()),
                None => schema.read(loaded.stamps.schema, loaded.data()),
            };
            owner(&*of_loaded, data.ok())
        }),
        subject: Box::new(move |data: &dyn Any| of_value(data.downcast_ref()?)),
        #[cfg(feature = "private-jar")]
        old_owner: Box::new(move |text: &str| {
            owner(&*of_old, old.as_ref().and_then(|convert| convert(text)))
        }),
    };
    Ended { registry: Arc::new(registry), subject }
}

impl<T> EndedSettings<T> {
    /// Returns the list that was set.
    pub(super) fn list(&self) -> Option<&EndedSessions> {
        self.list.as_ref()
    }

    /// Checks both settings against each other and against the timeouts.
    pub(super) fn check(
        self,
        policy: &Policy,
        readers: Readers<T>,
    ) -> Result<Option<Ended<T>>, ConfigError> {
        let refuse = |setting, problem: &str| Err(ConfigError::new(setting, problem));
        let (list, connect) = match (self.list, self.connect) {
            (None, None) => return Ok(None),
            (Some(list), Some(connect)) => (list, connect),
            (Some(_), None) => {
                return refuse(
                    "ended",
                    "say whose a session is, too: `.subject(|visit| …)`, or `.subject(|_| None)` if no \
                     session is anyone's",
                );
            }
            (None, Some(_)) => {
                return refuse("subject", "it is only for `.ended(…)`: call that, too");
            }
        };
        match list.namespace().len() {
            1..=65_535 => {}
            _ => {
                return refuse(
                    "ended",
                    "the list's namespace must have 1 to 65535 bytes: name the application",
                );
            }
        }
        let longest = policy.longest.absolute;
        if longest > list.list.keep_seconds() {
            let problem = format!(
                "the list keeps an end for {} seconds, and a session can live for {longest}, so a copy \
                 would outlive its end: give `EndedSessions::new` at least the longest absolute timeout",
                list.list.keep_seconds(),
            );
            return refuse("ended", &problem);
        }
        Ok(Some(connect(list, readers)))
    }
}
