//! The builder's settings for sessions that can be ended before their deadlines.

use crate::config::builder::SessionsBuilder;
use crate::ended::list::EndedSessions;
use serde::{Serialize, de::DeserializeOwned};

impl<T: Serialize + DeserializeOwned> SessionsBuilder<T> {
    /// Refuses sessions that ended before their deadlines. [`Session::destroy`] and [`Session::reset`]
    /// end what the request brought. [`Session::end_others`] ends every other session of its subject.
    /// An administrator ends sessions by calls on the list. Needs
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
        self.ended.set_list(ended);
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
        self.ended.set_subject(subject);
        self
    }
}
