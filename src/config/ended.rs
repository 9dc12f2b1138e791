//! Which settings for ended sessions are refused, and what is made of those that are not?

use crate::config::validate::{MAX_BINDING, refuse};
use crate::ended::events;
use crate::ended::list::EndedSessions;
use crate::error::ConfigError;
#[cfg(feature = "private-jar")]
use crate::migration::old_jar::Convert;
use crate::rules::timeouts::Policy;
use crate::session::ending::{Owner, Registry};
use crate::session::loaded::Loaded;
use crate::steps::parts::{Ended, SubjectOf};
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
            let (written_in, data) = loaded.readable(schema.version);
            owner(&*of_loaded, schema.read(written_in, data).ok())
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
    /// Takes the list.
    pub(super) fn set_list(&mut self, list: &EndedSessions) {
        self.list = Some(list.clone());
    }

    /// Takes the closure that tells whose a session is.
    pub(super) fn set_subject(
        &mut self,
        subject: impl Fn(&T) -> Option<String> + Send + Sync + 'static,
    ) where
        T: Serialize + DeserializeOwned + 'static,
    {
        self.connect = Some(Box::new(|list, readers| connect(list, readers, subject)));
    }

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
            1..=MAX_BINDING => {}
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
            return refuse("ended", problem);
        }
        Ok(Some(connect(list, readers)))
    }
}
