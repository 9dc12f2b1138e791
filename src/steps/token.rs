//! Form tokens of a session: what they are bound to.

use crate::csrf::{self, Bound};
use crate::error::EncodeError;
use crate::session::meta::Meta;
use crate::steps::parts::Parts;
use crate::timestamp::Timestamp;

impl<T> Parts<T> {
    /// Makes a token for a form. `save` then writes a session that was in no cookie yet, so that the
    /// form can be sent, and keeps the response out of every cache.
    pub(crate) fn csrf_token(&self, meta: &Meta, now: Timestamp) -> Result<String, EncodeError> {
        let bound = match meta.arrived.bound() {
            // The session gets no cookie, so its id means nothing to the next request.
            Some(cookies) if meta.is_kept_out() => cookies,
            _ => match meta.id() {
                id if id.is_nil() => return Err(EncodeError::Randomness),
                id => Bound::Id(id),
            },
        };
        let token = csrf::token(&self.live.ring(), now, self.codec.context(), bound)?;
        meta.token_shown.set();
        Ok(token)
    }

    /// Tells whether `token` belongs to this session, or to the cookies that the request brought: a
    /// form that a server has shown which keeps them unread.
    pub(crate) fn verify_csrf(&self, meta: &Meta, token: &str, now: Timestamp) -> bool {
        let cookies = match meta.has_new_id() && !meta.is_kept_out() {
            true => None,
            false => meta.arrived.bound(),
        };
        let bounds = meta.id_if_drawn().map(Bound::Id).into_iter().chain(cookies);
        csrf::verify(&self.live.ring(), now, self.codec.context(), token, bounds)
    }
}

#[cfg(test)]
mod tests {
    use crate::error::EncodeError;
    use crate::keys::key::Key;
    use crate::keys::ring::KeyRing;
    use crate::random::on_test::failing;
    use crate::sessions::Sessions;
    use http::HeaderMap;

    /// Else the form could be shown to anybody whose generator failed, too.
    #[test]
    fn without_randomness_for_the_id_there_is_no_token_though_its_mask_could_be_drawn() {
        let sessions: Sessions<u32> =
            Sessions::builder("shop", KeyRing::new(Key::generate())).build().unwrap();
        let session = sessions.load(&HeaderMap::new());
        let token = failing(1, || sessions.csrf_token(&session));
        assert!(matches!(token, Err(EncodeError::Randomness)), "{token:?}");
        assert!(sessions.csrf_token(&session).is_ok(), "the session itself is sound");
    }
}
